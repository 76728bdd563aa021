// What a Go service does with redigo's cluster client, from any core's port: redisc HOST:CORE_PORT
package main

import (
	"fmt"
	"os"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

const keys = 3000

func must(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "redisc: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func main() {
	cluster := redisc.Cluster{
		StartupNodes: []string{os.Args[1]},
		CreatePool: func(address string, options ...redis.DialOption) (*redis.Pool, error) {
			dial := func() (redis.Conn, error) { return redis.Dial("tcp", address, options...) }
			return &redis.Pool{MaxIdle: 4, Dial: dial}, nil
		},
	}
	defer cluster.Close()
	must("the first look at the slots", cluster.Refresh())
	// A connection goes to the owner of the first key that it is given.
	do := func(name string, arguments ...interface{}) (interface{}, error) {
		connection := cluster.Get()
		defer connection.Close()
		return connection.Do(name, arguments...)
	}
	for number := 0; number < keys; number++ {
		_, err := do("SET", fmt.Sprintf("goc:%d", number), number)
		must("SET", err)
	}
	for number := 0; number < keys; number++ {
		got, err := redis.Int(do("GET", fmt.Sprintf("goc:%d", number)))
		must("GET", err)
		if got != number {
			must("GET", fmt.Errorf("got %d, wanted %d", got, number))
		}
	}
	_, err := do("MSET", "{goc}1", "a", "{goc}2", "b")
	must("MSET by tag", err)
	both, err := redis.Strings(do("MGET", "{goc}1", "{goc}2"))
	must("MGET by tag", err)
	if len(both) != 2 || both[0] != "a" || both[1] != "b" {
		must("MGET by tag", fmt.Errorf("got %v", both))
	}
	fmt.Println("redigo cluster ok")
}
