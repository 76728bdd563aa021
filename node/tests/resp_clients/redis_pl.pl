# What a script in Perl does with the module Redis: perl redis_pl.pl HOST PORT
use strict;
use warnings;
use Redis;

sub check {
    my ($what, $got, $wanted) = @_;
    return if defined $got ? defined $wanted && $got eq $wanted : !defined $wanted;
    die "Perl Redis: $what: got " . ($got // 'nothing') . ', wanted ' . ($wanted // 'nothing') . "\n";
}

my $redis = Redis->new(server => "$ARGV[0]:$ARGV[1]");
check('FLUSHALL', $redis->flushall, 'OK');
check('SET EX', $redis->set('pl:a', '1', 'EX', 100), 'OK');
check('SET NX over a key', $redis->set('pl:a', '2', 'NX'), undef);
check('GET', $redis->get('pl:a'), '1');
check('GET of nothing', $redis->get('pl:none'), undef);
check('INCRBY', $redis->incrby('pl:n', 5), 5);
check('MSET', $redis->mset('pl:1', 'a', 'pl:2', 'b'), 'OK');
check('MGET', join(',', map { $_ // 'nothing' } $redis->mget('pl:1', 'pl:none', 'pl:2')), 'a,nothing,b');
check('DEL', $redis->del('pl:1', 'pl:2', 'pl:none'), 2);
my $large = join('', map { chr($_ % 256) } 1 .. 1 << 18);
$redis->set('pl:large', $large);
check('a large value', $redis->get('pl:large'), $large);
$redis->set('pl:text', 'x');
eval { $redis->incr('pl:text') };
check('INCR of text', $@ =~ /ERR value is not an integer or out of range/ ? 1 : 0, 1);
my $answered = 0;
for my $number (1 .. 1000) {
    $redis->set("pl:p:$number", $number, sub { $answered++ if $_[0] eq 'OK' });
}
$redis->wait_all_responses;
check('pipelined answers', $answered, 1000);
check('KEYS', scalar(my @keys = $redis->keys('pl:p:*')), 1000);
my %found;
my $cursor = 0;
do {
    my ($next, $page) = $redis->scan($cursor, 'MATCH', 'pl:p:*', 'COUNT', 100);
    ($cursor, @found{@$page}) = ($next);
} while ($cursor ne '0');
check('SCAN', scalar(keys %found), 1000);
check('INFO', exists $redis->info->{redis_version} ? 1 : 0, 1);
my $heard = '';
my $listener = Redis->new(server => "$ARGV[0]:$ARGV[1]");
$listener->subscribe('pl:news', sub { $heard .= "$_[1]=$_[0]" });
check('PUBLISH', $redis->publish('pl:news', 'hello'), 1);
$listener->wait_for_messages(5) until $heard;
check('messages', $heard, 'pl:news=hello');
print "Perl Redis $Redis::VERSION ok\n";
