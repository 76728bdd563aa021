// What Olric's own Go client sends, with its arguments in its order and its replies read as the types
// that it reads: olric HOST:PORT.
//
// Olric's client is built on go-redis; this one is the go-redis that Debian packages.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"gopkg.in/redis.v5"
)

const patience = 10 * time.Second

func fail(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, "olric: "+format+"\n", arguments...)
	os.Exit(1)
}

func check(what string, got, wanted interface{}) {
	if fmt.Sprintf("%T %v", got, got) != fmt.Sprintf("%T %v", wanted, wanted) {
		fail("%s: got %T %v, wanted %T %v", what, got, got, wanted, wanted)
	}
}

func must(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

// refused checks the word by which Olric's client tells errors apart: the first of the text.
func refused(what string, err error, code string) {
	if err == nil {
		fail("%s: wanted %s, got no error", what, code)
	}
	check(what, strings.SplitN(err.Error(), " ", 2)[0], code)
}

// server sends commands as the client's types do.
type server struct{ client *redis.Client }

func (s server) status(arguments ...interface{}) (string, error) {
	cmd := redis.NewStatusCmd(arguments...)
	s.client.Process(cmd)
	return cmd.Result()
}

func (s server) text(arguments ...interface{}) (string, error) {
	cmd := redis.NewStringCmd(arguments...)
	s.client.Process(cmd)
	return cmd.Result()
}

func (s server) number(arguments ...interface{}) (int64, error) {
	cmd := redis.NewIntCmd(arguments...)
	s.client.Process(cmd)
	return cmd.Result()
}

func (s server) float(arguments ...interface{}) (float64, error) {
	cmd := redis.NewFloatCmd(arguments...)
	s.client.Process(cmd)
	return cmd.Result()
}

func (s server) slice(arguments ...interface{}) ([]interface{}, error) {
	cmd := redis.NewSliceCmd(arguments...)
	s.client.Process(cmd)
	return cmd.Result()
}

func (s server) ok(arguments ...interface{}) {
	got, err := s.status(arguments...)
	must(fmt.Sprint(arguments...), err)
	check(fmt.Sprint(arguments...), got, "OK")
}

// entry is the value and the expiry of an entry as Olric encodes it.
func entry(raw string) (string, int64) {
	bytes := []byte(raw)
	bytes = bytes[1+int(bytes[0]):]
	expires := int64(binary.BigEndian.Uint64(bytes))
	length := binary.BigEndian.Uint32(bytes[24:])
	value := bytes[28:]
	check("the length of an entry's value", len(value), int(length))
	return string(value), expires
}

func entries(s server) {
	s.ok("DM.PUT", "go", "a", []byte("one"))
	raw, err := s.text("DM.GET", "go", "a", "RW")
	must("DM.GET RW", err)
	value, expires := entry(raw)
	check("the value", value, "one")
	check("no expiry", expires, int64(0))
	s.ok("DM.PUT", "go", "a", []byte("two"), "EX", float64(100.5))
	raw, err = s.text("DM.GET", "go", "a", "RW")
	must("DM.GET RW", err)
	value, expires = entry(raw)
	left := time.Until(time.Unix(0, expires*int64(time.Millisecond)))
	check("the value with an expiry", value, "two")
	if left < 95*time.Second || left > 101*time.Second {
		fail("expires in %v", left)
	}
	s.ok("DM.PUT", "go", "a", []byte("three"), "PX", int64(100000), "XX")
	_, err = s.status("DM.PUT", "go", "a", []byte("four"), "NX")
	refused("DM.PUT NX", err, "KEYFOUND")
	_, err = s.status("DM.PUT", "go", "none", []byte("four"), "XX")
	refused("DM.PUT XX", err, "KEYNOTFOUND")
	at := float64(time.Now().Add(time.Hour).Unix())
	s.ok("DM.PUT", "go", "at", []byte("x"), "EXAT", at)
	s.ok("DM.PUT", "go", "at", []byte("x"), "PXAT", int64(at)*1000)
	_, err = s.text("DM.GET", "go", "none", "RW")
	refused("DM.GET of nothing", err, "KEYNOTFOUND")
	_, err = s.text("DM.GETENTRY", "go", "none")
	refused("DM.GETENTRY of nothing", err, "KEYNOTFOUND")
	s.ok("DM.EXPIRE", "go", "a", float64(50))
	s.ok("DM.PEXPIRE", "go", "a", int64(50000))
	_, err = s.status("DM.EXPIRE", "go", "none", float64(50))
	refused("DM.EXPIRE of nothing", err, "KEYNOTFOUND")
	value, err = s.text("DM.GET", "go", "a")
	must("DM.GET", err)
	check("an expiry keeps the value", value, "three")
	_, err = s.status("DM.PUT", "go", strings.Repeat("k", 70000), []byte("x"))
	refused("a long key", err, "KEYTOOLARGE")
	_, err = s.status("DM.PUT", "go", "a", []byte("x"), "EX")
	refused("an option without its argument", err, "ERR")
}

func numbers(s server) {
	for _, call := range []struct {
		name   string
		delta  int
		wanted int64
	}{{"DM.INCR", 40, 40}, {"DM.INCR", 5, 45}, {"DM.DECR", 3, 42}} {
		got, err := s.number(call.name, "go", "number", call.delta)
		must(call.name, err)
		check(call.name, got, call.wanted)
	}
	sum, err := s.float("DM.INCRBYFLOAT", "go", "float", 1.25)
	must("DM.INCRBYFLOAT", err)
	check("DM.INCRBYFLOAT", sum, 1.25)
	_, err = s.number("DM.INCR", "go", "a", 1)
	refused("DM.INCR of text", err, "ERR")
	_, err = s.text("DM.GETPUT", "go", "put", []byte("x"), "RW")
	check("DM.GETPUT of nothing", err, redis.Nil)
	raw, err := s.text("DM.GETPUT", "go", "put", []byte("y"), "RW")
	must("DM.GETPUT", err)
	value, _ := entry(raw)
	check("DM.GETPUT", value, "x")
	swapped, err := s.slice("DM.CAS", "go", "put", []byte("y"), []byte("z"), "PX", int64(100000))
	must("DM.CAS", err)
	check("DM.CAS", swapped, []interface{}{int64(1), nil})
	swapped, err = s.slice("DM.CAS", "go", "put", []byte("y"), []byte("w"))
	must("DM.CAS", err)
	check("DM.CAS refused", swapped[0], int64(0))
	value, _ = entry(swapped[1].(string))
	check("what is there instead", value, "z")
}

func locks(s server) {
	token, err := s.text("DM.LOCK", "go", "lock", float64(0.1))
	must("DM.LOCK", err)
	_, err = s.text("DM.LOCK", "go", "lock", float64(0.05), "PX", int64(1000))
	refused("a lock that is taken", err, "LOCKNOTACQUIRED")
	s.ok("DM.LOCKLEASE", "go", "lock", token, float64(30))
	s.ok("DM.PLOCKLEASE", "go", "lock", token, int64(30000))
	_, err = s.status("DM.UNLOCK", "go", "lock", "0000000000000000")
	refused("another token", err, "NOSUCHLOCK")
	// Who waits gets it when it is given back.
	waited := make(chan string)
	go func() {
		next, err := s.text("DM.LOCK", "go", "lock", float64(2), "EX", float64(30))
		must("DM.LOCK, waited for", err)
		waited <- next
	}()
	s.ok("DM.UNLOCK", "go", "lock", token)
	next := <-waited
	_, err = s.status("DM.UNLOCK", "go", "lock", token)
	refused("the token of before", err, "NOSUCHLOCK")
	s.ok("DM.UNLOCK", "go", "lock", next)
}

func scans(s server) {
	for number := 0; number < 500; number++ {
		s.ok("DM.PUT", "go-scan", fmt.Sprintf("k:%03d", number), []byte("v"))
	}
	walk := func(options ...interface{}) []string {
		found, cursor := []string{}, uint64(0)
		for {
			arguments := append([]interface{}{"DM.SCAN", uint64(0), "go-scan", cursor}, options...)
			cmd := redis.NewScanCmd(nil, arguments...)
			s.client.Process(cmd)
			keys, next, err := cmd.Result()
			must("DM.SCAN", err)
			found, cursor = append(found, keys...), next
			if cursor == 0 {
				sort.Strings(found)
				return found
			}
		}
	}
	check("DM.SCAN", len(walk()), 500)
	check("DM.SCAN COUNT", len(walk("COUNT", 100)), 500)
	check("DM.SCAN MATCH", walk("MATCH", "^k:00[1-3]$", "COUNT", 1000), []string{"k:001", "k:002", "k:003"})
	keys := []interface{}{"DM.DEL", "go-scan", "absent"}
	for number := 0; number < 100; number++ {
		keys = append(keys, fmt.Sprintf("k:%03d", number))
	}
	removed, err := s.number(keys...)
	must("DM.DEL", err)
	check("DM.DEL", removed, int64(100))
	s.ok("DM.DESTROY", "go-scan")
	check("DM.SCAN of what is destroyed", len(walk()), 0)
}

// pipelines sends what Olric's pipeline holds, in one write.
func pipelines(s server) {
	pipeline := s.client.Pipeline()
	puts, incrs := []*redis.StatusCmd{}, []*redis.IntCmd{}
	for number := 0; number < 500; number++ {
		put := redis.NewStatusCmd("DM.PUT", "go", fmt.Sprintf("p:%d", number), []byte("v"))
		incr := redis.NewIntCmd("DM.INCR", "go", "p:count", 1)
		pipeline.Process(put)
		pipeline.Process(incr)
		puts, incrs = append(puts, put), append(incrs, incr)
	}
	missing := redis.NewStringCmd("DM.GET", "go", "p:none", "RW")
	pipeline.Process(missing)
	pipeline.Exec()
	for number := range puts {
		check("a put of the pipeline", puts[number].Val(), "OK")
		check("a count of the pipeline", incrs[number].Val(), int64(number+1))
	}
	refused("the one that is missing", missing.Err(), "KEYNOTFOUND")
}

func cluster(s server, address string) {
	table, err := s.slice("CLUSTER.ROUTINGTABLE")
	must("CLUSTER.ROUTINGTABLE", err)
	for partition, raw := range table {
		item := raw.([]interface{})
		check("a partition", item[0].(int64), int64(partition))
		owners := item[1].([]interface{})
		check("the owner", owners[len(owners)-1].(string), address)
		check("the copies", len(item[2].([]interface{})), 0)
	}
	members, err := s.slice("CLUSTER.MEMBERS")
	must("CLUSTER.MEMBERS", err)
	check("the members", len(members), 1)
	member := members[0].([]interface{})
	check("the member's name", member[0].(string), address)
	born := time.Since(time.Unix(0, member[1].(int64)))
	if born < 0 || born > time.Hour {
		fail("the member was born %v ago", born)
	}
	check("the coordinator", member[2], "true")
	pong, err := s.text("PING", "hello")
	must("PING", err)
	check("PING", pong, "hello")
}

type member struct {
	Name      string `json:"name"`
	ID        uint64 `json:"id"`
	Birthdate int64  `json:"birthdate"`
}

type slab struct {
	Allocated int `json:"allocated"`
	Inuse     int `json:"inuse"`
	Garbage   int `json:"garbage"`
}

type partition struct {
	PreviousOwners []member `json:"previous_owners"`
	Backups        []member `json:"backups"`
	Length         int      `json:"length"`
	DMaps          map[string]struct {
		Length    int  `json:"length"`
		SlabInfo  slab `json:"slab_info"`
		NumTables int  `json:"num_tables"`
	} `json:"dmaps"`
}

func statistics(s server, address string) {
	raw, err := s.text("STATS", "CR")
	must("STATS", err)
	var stats struct {
		Cmdline        []string `json:"cmdline"`
		ReleaseVersion string   `json:"release_version"`
		UptimeSeconds  int64    `json:"uptime_seconds"`
		Runtime        *struct {
			NumCPU int `json:"num_cpu"`
		} `json:"runtime"`
		ClusterCoordinator member               `json:"cluster_coordinator"`
		Member             member               `json:"member"`
		Partitions         map[uint64]partition `json:"partitions"`
		Backups            map[uint64]partition `json:"backups"`
		ClusterMembers     map[uint64]member    `json:"cluster_members"`
		Network            map[string]int64     `json:"network"`
		DMaps              map[string]int64     `json:"dmaps"`
		PubSub             map[string]int64     `json:"pub_sub"`
	}
	must("the JSON of STATS", json.Unmarshal([]byte(raw), &stats))
	check("the member", stats.Member.Name, address)
	check("the coordinator", stats.ClusterCoordinator.Name, address)
	check("the members", stats.ClusterMembers[stats.Member.ID].Name, address)
	for name, figure := range map[string]int64{
		"commands_total": stats.Network["commands_total"],
		"entries_total":  stats.DMaps["entries_total"],
		"get_hits":       stats.DMaps["get_hits"],
	} {
		if figure <= 0 {
			fail("STATS has %s = %d", name, figure)
		}
	}
	if stats.Runtime == nil || stats.Runtime.NumCPU == 0 || len(stats.Cmdline) == 0 {
		fail("STATS lacks what CR asks for: %s", raw)
	}
}

func channels(s server) {
	listener, err := s.client.Subscribe("go:news")
	must("SUBSCRIBE", err)
	defer listener.Close()
	patterns, err := s.client.PSubscribe("go:n*")
	must("PSUBSCRIBE", err)
	defer patterns.Close()
	for _, pubsub := range []*redis.PubSub{listener, patterns} {
		confirmed, err := pubsub.ReceiveTimeout(patience)
		must("a confirmation", err)
		check("the subscriptions", confirmed.(*redis.Subscription).Count, 1)
	}
	got, err := s.number("PUBLISH", "go:news", "hello")
	must("PUBLISH", err)
	check("PUBLISH", got, int64(2))
	for _, pubsub := range []*redis.PubSub{listener, patterns} {
		message, err := pubsub.ReceiveTimeout(patience)
		must("a message", err)
		check("the message", message.(*redis.Message).Payload, "hello")
	}
	must("PING of a listener", listener.Ping("still there"))
	pong, err := listener.ReceiveTimeout(patience)
	must("the pong", err)
	check("the pong", pong.(*redis.Pong).Payload, "still there")
	names, err := s.client.PubSubChannels("go:*").Result()
	must("PUBSUB CHANNELS", err)
	check("PUBSUB CHANNELS", names, []string{"go:news"})
	counts, err := s.client.PubSubNumSub("go:news").Result()
	must("PUBSUB NUMSUB", err)
	check("PUBSUB NUMSUB", counts, map[string]int64{"go:news": 1})
	must("UNSUBSCRIBE", listener.Unsubscribe("go:news"))
	left, err := listener.ReceiveTimeout(patience)
	must("the end of a subscription", err)
	check("what is left", left.(*redis.Subscription).Count, 0)
}

// together counts from many goroutines at once: no increment is lost.
func together(s server) {
	var group sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for round := 0; round < 250; round++ {
				_, err := s.number("DM.INCR", "go", "together", 1)
				must("DM.INCR", err)
			}
		}()
	}
	group.Wait()
	sum, err := s.number("DM.INCR", "go", "together", 0)
	must("DM.INCR", err)
	check("the sum of all", sum, int64(2000))
}

func main() {
	address := os.Args[1]
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	s := server{client}
	for _, name := range []string{"go", "go-scan"} {
		s.ok("DM.DESTROY", name)
	}
	entries(s)
	numbers(s)
	locks(s)
	scans(s)
	pipelines(s)
	together(s)
	channels(s)
	cluster(s, address)
	statistics(s, address)
	fmt.Println("go-redis in Olric's shapes ok")
}
