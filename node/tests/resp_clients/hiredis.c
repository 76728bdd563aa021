// What a service in C does with hiredis: hiredis HOST PORT
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
    fprintf(stderr, "hiredis: %s\n", what);
    exit(1);
}

/* The reply has to be of that kind, and say that text, or that number. */
static void check(const char *what, redisReply *reply, int type, const char *text, long long number) {
    if (!reply || reply->type != type) fail(what);
    if (text && (reply->len != strlen(text) || memcmp(reply->str, text, reply->len))) fail(what);
    if (type == REDIS_REPLY_INTEGER && reply->integer != number) fail(what);
    freeReplyObject(reply);
}

static redisReply *next(redisContext *redis) {
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail(redis->errstr);
    return reply;
}

int main(int count, char **arguments) {
    if (count != 3) fail("HOST PORT");
    redisContext *redis = redisConnect(arguments[1], atoi(arguments[2]));
    if (!redis || redis->err) fail("connect");
    check("FLUSHALL", redisCommand(redis, "FLUSHALL"), REDIS_REPLY_STATUS, "OK", 0);
    check("SET", redisCommand(redis, "SET %s %s EX 100", "c:a", "1"), REDIS_REPLY_STATUS, "OK", 0);
    check("SET NX", redisCommand(redis, "SET c:a 2 NX"), REDIS_REPLY_NIL, NULL, 0);
    check("GET", redisCommand(redis, "GET c:a"), REDIS_REPLY_STRING, "1", 0);
    check("GET of nothing", redisCommand(redis, "GET c:none"), REDIS_REPLY_NIL, NULL, 0);
    check("INCRBY", redisCommand(redis, "INCRBY c:n %d", 5), REDIS_REPLY_INTEGER, NULL, 5);
    const char binary[] = "a\0b\r\nc";
    check("binary SET", redisCommand(redis, "SET c:b %b", binary, sizeof binary - 1), REDIS_REPLY_STATUS, "OK", 0);
    redisReply *got = redisCommand(redis, "GET c:b");
    if (!got || got->len != sizeof binary - 1 || memcmp(got->str, binary, got->len)) fail("binary GET");
    freeReplyObject(got);
    check("text", redisCommand(redis, "SET c:t x"), REDIS_REPLY_STATUS, "OK", 0);
    check("INCR of text", redisCommand(redis, "INCR c:t"), REDIS_REPLY_ERROR,
          "ERR value is not an integer or out of range", 0);
    check("unknown", redisCommand(redis, "NO.SUCH x"), REDIS_REPLY_ERROR, NULL, 0);
    for (int number = 0; number < 10000; number++) {
        redisAppendCommand(redis, "SET c:p:%d %d", number, number);
        redisAppendCommand(redis, "GET c:p:%d", number);
    }
    for (int number = 0; number < 10000; number++) {
        char text[16];
        snprintf(text, sizeof text, "%d", number);
        check("pipelined SET", next(redis), REDIS_REPLY_STATUS, "OK", 0);
        check("pipelined GET", next(redis), REDIS_REPLY_STRING, text, 0);
    }
    got = redisCommand(redis, "MGET c:p:1 c:none c:p:2");
    if (!got || got->type != REDIS_REPLY_ARRAY || got->elements != 3 ||
        got->element[1]->type != REDIS_REPLY_NIL || strcmp(got->element[2]->str, "2")) fail("MGET");
    freeReplyObject(got);
    check("DBSIZE", redisCommand(redis, "DBSIZE"), REDIS_REPLY_INTEGER, NULL, 10004);
    got = redisCommand(redis, "SUBSCRIBE c:news");
    if (!got || got->elements != 3 || strcmp(got->element[0]->str, "subscribe")) fail("SUBSCRIBE");
    freeReplyObject(got);
    redisContext *other = redisConnect(arguments[1], atoi(arguments[2]));
    if (!other || other->err) fail("connect again");
    check("PUBLISH", redisCommand(other, "PUBLISH c:news hello"), REDIS_REPLY_INTEGER, NULL, 1);
    got = next(redis);
    if (got->elements != 3 || strcmp(got->element[2]->str, "hello")) fail("message");
    freeReplyObject(got);
    redisFree(other);
    redisFree(redis);
    printf("hiredis %d.%d.%d ok\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return 0;
}
