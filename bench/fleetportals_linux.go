package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

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
	n, err := strconv.Atoi(portals)
	if err != nil {
		return err
	}
	f, err := listenFleet(n, &answers)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- f.serve() }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := fmt.Println(f.asked.Swap(0)); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return lines.Err()
	}
}

// fleetServer answers for all portals in one thread, with as few calls of the system as
// that takes: in the world portals are machines of their own, here they share the
// processors with the readers that are measured.
type fleetServer struct {
	poll      int
	listening map[int]bool
	open      map[int]*fleetConnection
	answers   map[string][]byte
	due       []fleetAnswer // in the order of their times, as all are equally late
	asked     atomic.Int64
}

type fleetConnection struct {
	fd       int    // -1 when it is closed
	arriving []byte // of a request that is not whole yet
}

// fleetAnswer is what is to be sent.
type fleetAnswer struct {
	at    time.Time
	to    *fleetConnection
	whole []byte
}

var fleetNotFound = []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

// listenFleet starts to listen, and prints the addresses.
func listenFleet(portals int, answers *recorded) (*fleetServer, error) {
	f := &fleetServer{listening: map[int]bool{}, open: map[int]*fleetConnection{}, answers: map[string][]byte{}}
	for _, answer := range answers.Answers {
		f.answers[answer.Path] = answer.Whole
	}
	var err error
	if f.poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	out := bufio.NewWriter(os.Stdout)
	for i := range portals {
		// The whole of 127.0.0.0/8 is this machine, so that each portal has an address.
		address := netip.AddrFrom4([4]byte{127, 1, byte(i / 250), byte(1 + i%250)})
		listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(syscall.Bind(listener, &syscall.SockaddrInet4{Addr: address.As4()}), syscall.Listen(listener, 128), f.watch(listener)); err != nil {
			return nil, err
		}
		name, err := syscall.Getsockname(listener)
		if err != nil {
			return nil, err
		}
		f.listening[listener] = true
		fmt.Fprintf(out, "http://%s:%d\n", address, name.(*syscall.SockaddrInet4).Port)
	}
	return f, out.Flush()
}

func (f *fleetServer) watch(fd int) error {
	return syscall.EpollCtl(f.poll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// serve takes what comes, and sends what is due.
func (f *fleetServer) serve() error {
	events := make([]syscall.EpollEvent, 256)
	for {
		n, err := syscall.EpollWait(f.poll, events, f.sendDue())
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		for _, event := range events[:max(0, n)] {
			fd := int(event.Fd)
			if connection := f.open[fd]; connection != nil {
				f.receive(connection)
			}
			if !f.listening[fd] {
				continue
			}
			connection, _, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
			if err != nil {
				continue // it was given up meanwhile
			}
			if err := errors.Join(syscall.SetsockoptInt(connection, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), f.watch(connection)); err != nil {
				return err
			}
			f.open[connection] = &fleetConnection{fd: connection}
		}
	}
}

// sendDue sends what is due, and returns for how many milliseconds nothing else is;
// -1 is without end.
func (f *fleetServer) sendDue() int {
	now := time.Now()
	for len(f.due) > 0 {
		first := f.due[0]
		if wait := first.at.Sub(now); wait > 0 {
			return int(wait/time.Millisecond) + 1
		}
		f.due = f.due[1:]
		if first.to.fd < 0 {
			continue
		}
		// An answer fits into what the system keeps for a connection.
		if n, err := syscall.Write(first.to.fd, first.whole); err != nil || n < len(first.whole) {
			f.close(first.to)
		}
	}
	return -1
}

// receive reads what a connection has, and makes answers due for what is whole.
func (f *fleetServer) receive(c *fleetConnection) {
	var page [4096]byte
	n, err := syscall.Read(c.fd, page[:])
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return
	case n <= 0 || err != nil:
		f.close(c)
		return
	}
	text := append(c.arriving, page[:n]...)
	for {
		request, rest, whole := bytes.Cut(text, []byte("\r\n\r\n"))
		if !whole {
			break
		}
		f.asked.Add(1)
		answer := f.answers[requestPath(request)]
		if answer == nil {
			answer = fleetNotFound
		}
		f.due = append(f.due, fleetAnswer{time.Now().Add(distance), c, answer})
		text = rest
	}
	c.arriving = text
}

func (f *fleetServer) close(c *fleetConnection) {
	delete(f.open, c.fd)
	_ = syscall.Close(c.fd)
	c.fd = -1
}

// requestPath returns the path that a request without a body asks for.
func requestPath(request []byte) string {
	_, rest, _ := bytes.Cut(request, []byte(" "))
	path, _, _ := bytes.Cut(rest, []byte(" "))
	path, _, _ = bytes.Cut(path, []byte("?"))
	return string(path)
}
