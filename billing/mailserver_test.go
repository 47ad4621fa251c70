package billing_test

import (
	"bufio"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/mail"
)

// mailServer is a mail server for one test, which answers as it is told to.
type mailServer struct {
	t        *testing.T
	listener net.Listener

	mu      sync.Mutex
	manners string // what it does next: see manner
	got     []string
	tries   int
}

// What a mail server does with messages.
const (
	polite   = ""              // takes them
	busy     = "451 later"     // not now
	refusing = "550 nobody"    // never
	mute     = "never answers" // and does not take them
	fleeing  = "takes it, and is gone before it says so"
)

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, listener: listener}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wait.Wait()
	})
	return s
}

// sender returns who hands messages to the server.
func (s *mailServer) sender() mail.Sender {
	s.t.Helper()
	sender, err := mail.NewSMTP("smtp://" + s.listener.Addr().String() + "?tls=none")
	if err != nil {
		s.t.Fatal(err)
	}
	return sender
}

func (s *mailServer) behaves(manners string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manners = manners
}

// talk is one conversation. Whoever sends ends it.
func (s *mailServer) talk(conn net.Conn) {
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 test")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		manners := s.manners
		s.mu.Unlock()
		switch command, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), " "); {
		case command == "mail":
			s.mu.Lock()
			s.tries++
			s.mu.Unlock()
			if manners != mute {
				say("250 fine")
			}
		case command == "rcpt" && (manners == busy || manners == refusing):
			say(manners)
		case command == "data":
			say("354 go on")
			message := ""
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				message += strings.TrimPrefix(line, ".")
			}
			s.mu.Lock()
			s.got = append(s.got, message)
			s.mu.Unlock()
			if manners == fleeing {
				return
			}
			say("250 taken")
		case command == "quit":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// tried returns how often somebody began to hand a message over.
func (s *mailServer) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// messages returns what the server has taken, in its order.
func (s *mailServer) messages() (all []*netmail.Message) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.got {
		m, err := netmail.ReadMessage(strings.NewReader(text))
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}
