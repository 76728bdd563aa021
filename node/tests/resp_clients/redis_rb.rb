# What a service in Ruby does with redis-rb: ruby redis_rb.rb HOST PORT; as a cluster client:
# ruby redis_rb.rb cluster HOST CORE_PORT
require 'redis'

def check(what, got, wanted)
  abort "redis-rb: #{what}: got #{got.inspect}, wanted #{wanted.inspect}" unless got == wanted
end

def alone(host, port)
  redis = Redis.new(host: host, port: port.to_i)
  check('FLUSHALL', redis.flushall, 'OK')
  check('SET NX EX', redis.set('rb:a', '1', nx: true, ex: 100), true)
  check('SET NX over a key', redis.set('rb:a', '2', nx: true), false)
  check('SET GET', redis.set('rb:a', '3', get: true), '1')
  check('GET', redis.get('rb:a'), '3')
  check('GET of nothing', redis.get('rb:none'), nil)
  check('TTL of a lasting key', redis.ttl('rb:a'), -1)
  check('INCRBY', redis.incrby('rb:n', 5), 5)
  check('INCRBYFLOAT', redis.incrbyfloat('rb:f', 0.5), 0.5)
  check('MSET', redis.mset('rb:1', 'a', 'rb:2', 'b'), 'OK')
  check('MGET', redis.mget('rb:1', 'rb:none', 'rb:2'), ['a', nil, 'b'])
  check('EXPIRE', redis.expire('rb:1', 50), true)
  check('GETEX', redis.getex('rb:1', persist: true), 'a')
  check('DEL', redis.del('rb:1', 'rb:2', 'rb:none'), 2)
  large = Random.new(1).bytes(1 << 20)
  redis.set('rb:large', large)
  check('a large value', redis.get('rb:large').b, large.b)
  redis.set('rb:text', 'x')
  begin
    redis.incr('rb:text')
    abort 'redis-rb: INCR of text was accepted'
  rescue Redis::CommandError => e
    check('INCR of text', e.message, 'ERR value is not an integer or out of range')
  end
  answers = redis.pipelined { |pipe| 1000.times { |n| pipe.set("rb:p:#{n}", n) } }
  check('pipelined answers', answers, ['OK'] * 1000)
  check('SCAN', redis.scan_each(match: 'rb:p:*', count: 100).to_a.uniq.size, 1000)
  check('DBSIZE', redis.dbsize, 1005)

  heard = []
  listener = Thread.new do
    Redis.new(host: host, port: port.to_i).subscribe('rb:news') do |on|
      on.subscribe { Thread.new { Redis.new(host: host, port: port.to_i).publish('rb:news', 'hello') } }
      on.message { |channel, message| heard << [channel, message]; Thread.exit }
    end
  end
  listener.join(10)
  check('messages', heard, [%w[rb:news hello]])
  check('INFO', redis.info.key?('redis_version'), true)
end

def as_cluster(host, port)
  redis = Redis.new(cluster: ["redis://#{host}:#{port}"])
  3000.times { |n| check('SET', redis.set("rbc:#{n}", n), 'OK') }
  3000.times { |n| check('GET', redis.get("rbc:#{n}"), n.to_s) }
  check('MSET by tag', redis.mset('{rbc}1', 'a', '{rbc}2', 'b'), 'OK')
  check('MGET by tag', redis.mget('{rbc}1', '{rbc}2'), %w[a b])
end

is_cluster = ARGV[0] == 'cluster'
is_cluster ? as_cluster(ARGV[1], ARGV[2]) : alone(ARGV[0], ARGV[1])
puts "redis-rb #{Redis::VERSION}#{' cluster' if is_cluster} ok"
