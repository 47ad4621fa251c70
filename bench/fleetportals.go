package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

//go:embed fleet.mjs
var fleetProgram string

// serveFleet is the process of the portals: so many, each at an address of its own, all
// with the same answers, each a while later. It prints where they are, and for each line
// that it reads how many requests came since the last one. It ends with its input.
func serveFleet(file, portals string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var answers recorded
	if err := json.Unmarshal(text, &answers); err != nil {
		return err
	}
	byPath := map[string][]byte{}
	for _, answer := range answers.Answers {
		byPath[answer.Path] = answer.Whole
	}
	n, err := strconv.Atoi(portals)
	if err != nil {
		return err
	}
	var asked atomic.Int64
	out := bufio.NewWriter(os.Stdout)
	for i := range n {
		// The whole of 127.0.0.0/8 is this machine, so that each portal has an address.
		listener, err := net.Listen("tcp", fmt.Sprintf("127.1.%d.%d:0", i/250, 1+i%250))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "http://%s\n", listener.Addr())
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				go answerFleet(connection, byPath, &asked)
			}
		}()
	}
	if err := out.Flush(); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := fmt.Println(asked.Swap(0)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answerFleet answers what comes over a connection, in little time of its own: it is the
// readers that are measured.
func answerFleet(connection net.Conn, byPath map[string][]byte, asked *atomic.Int64) {
	defer connection.Close()
	in := bufio.NewReader(connection)
	for {
		path, err := readRequest(in)
		if err != nil {
			return
		}
		asked.Add(1)
		answer := byPath[path]
		if answer == nil {
			answer = []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		}
		time.Sleep(distance)
		if _, err := connection.Write(answer); err != nil {
			return
		}
	}
}

// readRequest reads a request without a body, and returns its path.
func readRequest(in *bufio.Reader) (path string, err error) {
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if first {
			_, rest, _ := strings.Cut(string(line), " ")
			path, _, _ = strings.Cut(rest, " ")
			path, _, _ = strings.Cut(path, "?")
			if !strings.HasPrefix(path, "/") {
				return "", errors.New("no request")
			}
		}
		if len(line) <= len("\r\n") {
			return path, nil
		}
	}
}
