// Otter among the contestants of bench/peers/run.py, where the protocol is told.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

type cache = otter.Cache[uint64, uint64]

type counts struct {
	sum  uint64 // of the values: as many as operations
	made uint64
}

func readKeys(path string) (universe, stream []uint64) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	numbers := make([]uint64, len(bytes)/8)
	for i := range numbers {
		numbers[i] = binary.LittleEndian.Uint64(bytes[8*i:])
	}
	return numbers[1 : 1+numbers[0]], numbers[1+numbers[0]:]
}

func hits(c *cache, part []uint64, passes int) (done counts) {
	for range passes {
		for _, key := range part {
			value, _ := c.GetIfPresent(key)
			done.sum += value
		}
	}
	return done
}

func churn(c *cache, part []uint64, passes int) (done counts) {
	makeValue := func() (uint64, bool) {
		done.made++
		return 1, false
	}
	for range passes {
		for _, key := range part {
			value, _ := c.ComputeIfAbsent(key, makeValue)
			done.sum += value
		}
	}
	return done
}

// takeTurn lets each thread go through its own part of the stream; they begin together. The time is from the begin to
// the end of all.
func takeTurn(run func(part []uint64) counts, stream []uint64, threads int) (time.Duration, counts) {
	var ready atomic.Int64
	var all sync.WaitGroup
	began := make([]time.Time, threads)
	done := make([]counts, threads)
	length := len(stream) / threads
	for t := range threads {
		all.Add(1)
		go func() {
			defer all.Done()
			ready.Add(1)
			for ready.Load() < int64(threads) {
			}
			began[t] = time.Now()
			done[t] = run(stream[t*length : (t+1)*length])
		}()
	}
	all.Wait()
	ended := time.Now()
	first, total := began[0], counts{}
	for t := range threads {
		if began[t].Before(first) {
			first = began[t]
		}
		total.sum += done[t].sum
		total.made += done[t].made
	}
	return ended.Sub(first), total
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: otter hit|churn ENTRIES THREADS FILE")
	}
	what, entries, threads := os.Args[1], number(os.Args[2]), number(os.Args[3])
	universe, stream := readKeys(os.Args[4])
	run, room := churn, entries
	if what == "hit" {
		run, room = hits, entries+entries/8
	}
	c := otter.Must(&otter.Options[uint64, uint64]{MaximumSize: room})
	if what == "hit" {
		for _, key := range universe {
			c.Set(key, 1)
		}
		c.CleanUp()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		passes := number(lines.Text())
		took, done := takeTurn(func(part []uint64) counts { return run(c, part, passes) }, stream, threads)
		operations := len(stream) / threads * threads * passes
		if done.sum != uint64(operations) {
			log.Fatal("not all were hits")
		}
		fmt.Printf(`{"name": "otter", "what": "%s", "entries": %d, "threads": %d, "ns": %.3f, "made": %.4f}`+"\n", what,
			entries, threads, float64(took.Nanoseconds())*float64(threads)/float64(operations),
			float64(done.made)/float64(operations))
	}
}
