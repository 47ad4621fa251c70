package pgtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"
)

// run does one statement in the database postgres. It speaks the server's
// protocol itself, since not every installation has psql, and a driver would
// choose for those who use this package.
// Source: PostgreSQL, "Frontend/Backend Protocol".
func (c *Cluster) run(ctx context.Context, statement string) (err error) {
	network, address := "tcp", c.address()
	if dir := c.socketDir(); dir != "" {
		network, address = "unix", filepath.Join(dir, fmt.Sprintf(".s.PGSQL.%d", c.port))
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	const version3 = 3 << 16
	hello := binary.BigEndian.AppendUint32(nil, version3)
	hello = append(hello, "user\x00"+superuser+"\x00database\x00postgres\x00\x00"...)
	if _, err := conn.Write(append(length(hello), hello...)); err != nil {
		return err
	}
	if err := awaitAnswer(conn); err != nil {
		return err
	}
	query := append([]byte(statement), 0)
	if _, err := conn.Write(append(append([]byte{'Q'}, length(query)...), query...)); err != nil {
		return err
	}
	if err := awaitAnswer(conn); err != nil {
		return err
	}
	_, err = conn.Write([]byte{'X', 0, 0, 0, 4})
	return err
}

// length is the head of a message: how long it is, itself included.
func length(body []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)) }

// awaitAnswer reads until the server is ready for the next statement, and
// returns the error that it told on the way.
func awaitAnswer(conn io.Reader) (told error) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return errors.Join(told, err)
		}
		size := binary.BigEndian.Uint32(head[1:])
		if size < 4 || size > 1<<20 {
			return fmt.Errorf("a message of %d bytes", size)
		}
		body := make([]byte, size-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			return errors.Join(told, err)
		}
		switch head[0] {
		case 'E':
			told = errors.New(message(body))
		case 'Z':
			return told
		}
	}
}

// message returns the text for people in an error's fields.
func message(body []byte) string {
	for _, field := range bytes.Split(body, []byte{0}) {
		if len(field) > 0 && field[0] == 'M' {
			return string(field[1:])
		}
	}
	return "no message"
}
