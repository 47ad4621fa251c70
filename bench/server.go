package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// portal is a Bursar as it is served, on a disk.
type portal struct {
	address string
	service *billing.Service
	close   func() error
}

// startPortal serves the SQLite database of a folder.
func startPortal(ctx context.Context, dir string) (*portal, error) {
	d := database{engine: "sqlite", config: store.Config{Dir: dir}}
	return d.start(ctx)
}

// serve answers on a free port of this machine, by a server with the same limits
// as Bursar's, so that what is compared is what the handlers do.
func serve(h http.Handler) (address string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := httpd.NewServer(h)
	go func() { _ = server.Serve(listener) }() // ends with Close
	return listener.Addr().String(), server.Close, nil
}

// withCompany calls fn with a served sample company in a folder of its own.
func withCompany(ctx context.Context, fn func(p *portal, key string) error) error {
	dir, err := os.MkdirTemp("", "bursar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := startPortal(ctx, dir)
	if err != nil {
		return err
	}
	company, err := sample.Create(ctx, p.service, sample.Config{Now: time.Now()})
	if err == nil {
		err = fn(p, company.OwnerKey)
	}
	return errors.Join(err, p.close())
}

// fetch returns the whole body of a good answer, and its headers.
func fetch(ctx context.Context, url, key string) ([]byte, http.Header, error) {
	return fetchHost(ctx, url, key, "")
}

// fetchHost asks in the name of another host; "" is the one of the URL.
func fetchHost(ctx context.Context, url, key, host string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, res.Status)
	}
	return body, res.Header, err
}

// total is how long the list is that an address has a page of.
func (p *portal) total(ctx context.Context, path string) (int64, error) {
	body, _, err := fetchHost(ctx, "http://"+p.address+path, keyOf(0), hostOf(0))
	if err != nil {
		return 0, err
	}
	var page struct {
		Response struct {
			Total int64 `json:"totalQuantity"`
		}
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return page.Response.Total, nil
}
