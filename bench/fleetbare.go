package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

// fleetBareChild is the variable that makes a process of this program the floor of the
// fleet; its value is the file of what is to be read.
const fleetBareChild = "BURSAR_BENCH_FLEET_BARE"

// fleetList says what is to be read, to all but Bursar.
type fleetList struct {
	Key   string   `json:"key"`
	URLs  []string `json:"urls"`
	Paths []string `json:"paths"`
}

// readBare reads all portals with net/http and does nothing with what they answer but
// print it: no reader that is made with net/http is faster. It has as many connections
// to each portal as fleet.Each.
func readBare(file, parallel string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var list fleetList
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	many, err := strconv.Atoi(parallel)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	var printing sync.Mutex
	portals := new(errgroup.Group)
	portals.SetLimit(many)
	for _, address := range list.URLs {
		portals.Go(func() error {
			parts, err := bareReport(&list, address, min(len(list.Paths), max(2, 384/many)))
			if err != nil {
				return err
			}
			printing.Lock()
			defer printing.Unlock()
			_, err = fmt.Fprintf(out, "%s\n", slices.Concat(parts...))
			return err
		})
	}
	return errors.Join(portals.Wait(), out.Flush())
}

// bareReport reads what there is to read of a portal, over so many connections.
func bareReport(list *fleetList, address string, connections int) ([][]byte, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, ReadBufferSize: 2 << 10, WriteBufferSize: 1 << 10}
	defer transport.CloseIdleConnections()
	parts := make([][]byte, len(list.Paths))
	all, ctx := errgroup.WithContext(context.Background())
	all.SetLimit(connections)
	for i, path := range list.Paths {
		all.Go(func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+path, nil)
			if err != nil {
				return err
			}
			req.Header.Set("Authorization", "Bearer "+list.Key)
			res, err := transport.RoundTrip(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			parts[i], err = io.ReadAll(res.Body)
			return err
		})
	}
	return parts, all.Wait()
}
