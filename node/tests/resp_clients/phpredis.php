<?php
// What a service in PHP does with phpredis: php phpredis.php HOST PORT; as a cluster client:
// php phpredis.php cluster HOST CORE_PORT

function check($what, $got, $wanted)
{
    if ($got !== $wanted) {
        fwrite(STDERR, "phpredis: $what: got " . var_export($got, true) . ', wanted ' . var_export($wanted, true) . "\n");
        exit(1);
    }
}

function alone($host, $port)
{
    $redis = new Redis();
    $redis->connect($host, (int) $port, 5.0);
    check('FLUSHALL', $redis->flushAll(), true);
    check('SET EX', $redis->set('php:a', '1', ['nx', 'ex' => 100]), true);
    check('SET NX over a key', $redis->set('php:a', '2', ['nx']), false);
    check('GET', $redis->get('php:a'), '1');
    check('GET of nothing', $redis->get('php:none'), false);
    check('TTL', $redis->ttl('php:a') > 95, true);
    check('INCRBY', $redis->incrBy('php:n', 5), 5);
    check('INCRBYFLOAT', $redis->incrByFloat('php:f', 0.5), 0.5);
    check('MSET', $redis->mSet(['php:1' => 'a', 'php:2' => 'b']), true);
    check('MGET', $redis->mGet(['php:1', 'php:none', 'php:2']), ['a', false, 'b']);
    check('APPEND', $redis->append('php:1', 'bc'), 3);
    check('GETRANGE', $redis->getRange('php:1', -2, -1), 'bc');
    check('EXPIRE', $redis->expire('php:1', 50), true);
    check('PERSIST', $redis->persist('php:1'), true);
    check('TYPE', $redis->type('php:1'), Redis::REDIS_STRING);
    check('DEL', $redis->del('php:1', 'php:2', 'php:none'), 2);
    $large = random_bytes(1 << 20);
    check('a large value', $redis->set('php:large', $large) && $redis->get('php:large') === $large, true);
    $redis->set('php:text', 'x');
    check('INCR of text', $redis->incr('php:text'), false);
    check('its error', strpos($redis->getLastError(), 'ERR value is not an integer') === 0, true);
    $pipe = $redis->multi(Redis::PIPELINE);
    for ($number = 0; $number < 1000; $number++) {
        $pipe->set("php:p:$number", $number);
    }
    check('pipelined answers', count(array_filter($pipe->exec())), 1000);
    $redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
    $found = [];
    $cursor = null;
    while ($keys = $redis->scan($cursor, 'php:p:*', 100)) {
        foreach ($keys as $key) {
            $found[$key] = true;
        }
    }
    check('SCAN', count($found), 1000);
    check('DBSIZE', $redis->dbSize(), 1005);
    check('PUBLISH', $redis->publish('php:news', 'hello'), 0);
    check('INFO', isset($redis->info()['redis_version']), true);
    check('in step', $redis->ping('still'), 'still');
}

function as_cluster($host, $port)
{
    $cluster = new RedisCluster(null, ["$host:$port"], 5.0, 5.0);
    for ($number = 0; $number < 3000; $number++) {
        check('SET', $cluster->set("phpc:$number", "$number"), true);
    }
    for ($number = 0; $number < 3000; $number++) {
        check('GET', $cluster->get("phpc:$number"), "$number");
    }
    check('MSET by tag', $cluster->mset(['{phpc}1' => 'a', '{phpc}2' => 'b']), true);
    check('MGET by tag', $cluster->mget(['{phpc}1', '{phpc}2']), ['a', 'b']);
}

if ($argv[1] === 'cluster') {
    as_cluster($argv[2], $argv[3]);
} else {
    alone($argv[1], $argv[2]);
}
echo 'phpredis ', phpversion('redis'), $argv[1] === 'cluster' ? ' cluster' : '', " ok\n";
