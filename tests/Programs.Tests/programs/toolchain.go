// Goroutines, channels, selections, a collector that has to work, panics, timers, and HTTP over the loopback interface.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type node struct {
	left, right *node
	text        []byte
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{text: make([]byte, 64)}
	}
	return &node{tree(depth - 1), tree(depth - 1), make([]byte, 32)}
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

func serve(address string) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %x\n", r.URL.Path, sha256.Sum256([]byte(strings.Repeat(r.URL.Path, 100))))
	})
	fmt.Println(http.ListenAndServe(address, nil))
	os.Exit(1)
}

func main() {
	if len(os.Args) > 1 {
		serve(os.Args[1])
	}
	lines, sums := make(chan string), make(chan [2]string)
	var working sync.WaitGroup
	for i := 0; i < 16; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for line := range lines {
				sums <- [2]string{line, fmt.Sprintf("%x", sha256.Sum256([]byte(line)))[:8]}
			}
		}()
	}
	all, done := map[string]string{}, make(chan bool)
	go func() {
		for pair := range sums {
			all[pair[0]] = pair[1]
		}
		close(done)
	}()
	reader := bufio.NewScanner(os.Stdin)
	nodes := 0
	for number := 1; reader.Scan(); number++ {
		lines <- reader.Text()
		if number%20 == 0 {
			nodes += tree(8).count()
		}
	}
	close(lines)
	working.Wait()
	close(sums)
	<-done
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key+all[key])
	}
	sort.Strings(keys)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf("%d %x %d %v\n", len(keys), sha256.Sum256([]byte(strings.Join(keys, ""))), nodes, memory.NumGC > 0)

	select {
	case <-make(chan int):
	case <-time.After(20 * time.Millisecond):
		fmt.Println("in time")
	}
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var none *node
		none.text = nil
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(r.URL.Query()) }))
	answer, err := http.Get("http://" + listener.Addr().String() + "/?a=1&b=2")
	if err == nil {
		said, _ := io.ReadAll(answer.Body)
		fmt.Printf("%d %s", answer.StatusCode, said)
	} else {
		fmt.Println(err)
	}
	said, err := exec.Command("/bin/sh", "-c", "echo from a child; exit 3").CombinedOutput()
	fmt.Printf("%s%v\n", said, err)
	_, err = os.Open("/no/such/file")
	fmt.Println(err)
}
