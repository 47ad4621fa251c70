package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a mail server for one test, with switchable manners.
type server struct {
	t        *testing.T
	listener net.Listener
	secured  *tls.Config
	roots    *x509.CertPool

	implicit bool   // TLS from the first byte on
	startTLS bool   // offers it
	password string // of user "ann"; "" asks for none
	silent   string // the command, or "end" of a message, that it never answers; "" answers all
	refuse   string // what it refuses: "rcpt 550", "data 451", "end 554"
	quit     bool   // it is gone at QUIT
	gone     bool   // it takes a message, and is gone before it says so

	mu    sync.Mutex
	got   []string // messages, with their envelopes
	plain []string // commands that came without TLS
	wait  sync.WaitGroup
	ended chan struct{}
}

// serve starts the server, which ends with the test.
func (s *server) serve(t *testing.T) *server {
	t.Helper()
	s.t, s.ended = t, make(chan struct{})
	s.secured, s.roots = certificate(t)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.wait.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.wait.Go(func() {
				defer conn.Close()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		close(s.ended)
		_ = s.listener.Close()
		s.wait.Wait()
	})
	return s
}

func (s *server) sender(query string) *SMTP {
	s.t.Helper()
	user := ""
	if s.password != "" {
		user = "ann:" + strings.ReplaceAll(s.password, "!", "%21") + "@"
	}
	sender, err := NewSMTP("smtp://" + user + s.listener.Addr().String() + query)
	if err != nil {
		s.t.Fatal(err)
	}
	sender.RootCAs = s.roots
	return sender
}

func (s *server) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// inTheClear returns the commands that came without TLS.
func (s *server) inTheClear() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plain
}

// talk is one conversation.
func (s *server) talk(conn net.Conn) {
	safe := s.implicit
	if safe {
		conn = tls.Server(conn, s.secured)
	}
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	if s.silent == "hello" {
		<-s.ended
		return
	}
	say("220 test")
	envelope := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		command, _, _ := strings.Cut(strings.ToLower(line), " ")
		if !safe {
			s.mu.Lock()
			s.plain = append(s.plain, line)
			s.mu.Unlock()
		}
		if command == s.silent {
			<-s.ended
			return
		}
		if what, code, _ := strings.Cut(s.refuse, " "); what == command {
			say(code + " 5.1.1 " + line + " is not wanted here")
			continue
		}
		switch command {
		case "ehlo":
			say("250-test")
			if s.startTLS && !safe {
				say("250-STARTTLS")
			}
			if s.password != "" {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "starttls":
			say("220 go on")
			conn, safe = tls.Server(conn, s.secured), true
			in = bufio.NewReader(conn)
		case "auth":
			want := base64.StdEncoding.EncodeToString([]byte("\x00ann\x00" + s.password))
			if !strings.HasSuffix(line, want) {
				say("535 5.7.8 not " + line) // repeats what it was told
				continue
			}
			say("235 welcome")
		case "mail", "rcpt":
			envelope += line + "\n"
			say("250 fine")
		case "data":
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
			if what, code, _ := strings.Cut(s.refuse, " "); what == "end" {
				say(code + " not that")
				continue
			}
			s.mu.Lock()
			s.got = append(s.got, envelope+message)
			s.mu.Unlock()
			if s.silent == "end" {
				<-s.ended
			}
			if s.silent == "end" || s.gone {
				return
			}
			say("250 taken")
		case "quit":
			if !s.quit {
				say("221 bye")
			}
			return
		default:
			say("250 fine")
		}
	}
}

// certificate is one for this machine, and who vouches for it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
