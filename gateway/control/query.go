// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// maxTextBytes is above everything that a field of a connection can hold.
const maxTextBytes = 1024

// Query writes a listing as the query of a URL.
func (l *Listing) Query() url.Values {
	q := url.Values{}
	for name, value := range l.texts() {
		if *value != "" {
			q.Set(name, *value)
		}
	}
	for name, value := range l.durations() {
		if *value != 0 {
			q.Set(name, time.Duration(*value).String())
		}
	}
	if len(l.IDs) > 0 {
		q["id"] = slices.Clone(l.IDs)
	}
	if l.Sort != "" {
		q.Set("sort", string(l.Sort))
	}
	if l.Limit != 0 {
		q.Set("limit", strconv.Itoa(l.Limit))
	}
	return q
}

// ParseListing reads what Query writes. What it does not know is an error: a
// filter that is misspelt must not show, or count, everything.
func ParseListing(q url.Values) (*Listing, error) {
	l := &Listing{}
	texts, durations := l.texts(), l.durations()
	for name, values := range q {
		if name == "id" {
			l.IDs = values
			continue
		}
		if len(values) != 1 || values[0] == "" {
			return nil, fmt.Errorf("%s: give one value", quoted(name))
		}
		var err error
		switch text, duration := texts[name], durations[name]; {
		case text != nil:
			*text = values[0]
		case duration != nil:
			err = duration.UnmarshalText([]byte(values[0]))
		case name == "sort":
			l.Sort = Sort(values[0])
		case name == "limit":
			l.Limit, err = strconv.Atoi(values[0])
			if l.Limit == 0 {
				err = errors.New("zero")
			}
		default:
			return nil, fmt.Errorf("%s is no filter: see docs/control.md", quoted(name))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s cannot be read", name, quoted(values[0]))
		}
	}
	return l, l.Validate()
}

// texts are the parameters that are texts, by their names.
func (l *Listing) texts() map[string]*string {
	return map[string]*string{
		"listener": &l.Listener, "route": &l.Route, "policy": &l.Policy, "issuer": &l.Issuer, "subject": &l.Subject,
		"client": &l.Client, "after": &l.After,
	}
}

func (l *Listing) durations() map[string]*contract.Duration {
	return map[string]*contract.Duration{"olderThan": &l.OlderThan, "idleFor": &l.IdleFor}
}

// Validate tells what is wrong with a listing, and what to change.
func (l *Listing) Validate() error {
	switch {
	case l.Limit < 0 || l.Limit > MaxLimit:
		return fmt.Errorf("limit: it is from 1 to %d", MaxLimit)
	case l.Sort != "" && !slices.Contains(sorts(), l.Sort):
		return fmt.Errorf("sort: %s is none of opened, newest, bytes, messages, rate, idle", quoted(string(l.Sort)))
	case l.After != "" && l.Sort != "" && l.Sort != SortOpened:
		return errors.New("after: only the order opened has pages, the others change meanwhile; raise the limit")
	}
	if _, _, err := parseCursor(l.After); err != nil {
		return err
	}
	return l.Selector.Validate()
}

func sorts() []Sort {
	return []Sort{SortOpened, SortNewest, SortBytes, SortMessages, SortRate, SortIdle}
}

// Cursor is the Connections.Next of a part that ends with this connection.
func Cursor(openedAt time.Time, id string) string {
	return openedAt.UTC().Format(stampLayout) + "," + id
}

// Start is where a valid listing begins: behind the connection that was opened
// then and has this id. The zero time is the beginning.
func (l *Listing) Start() (openedAt time.Time, id string) {
	openedAt, id, _ = parseCursor(l.After)
	return openedAt, id
}

// parseCursor reads a Cursor; the empty text is the beginning.
func parseCursor(text string) (openedAt time.Time, id string, err error) {
	if text == "" {
		return time.Time{}, "", nil
	}
	at, id, found := strings.Cut(text, ",")
	openedAt, err = time.Parse(stampLayout, at)
	if !found || err != nil || id == "" || len(text) > maxTextBytes {
		return time.Time{}, "", errors.New("after: it is the next of an answer before, and this is not")
	}
	return openedAt, id, nil
}

// quoted shows what somebody wrote, cut, and without what a terminal would obey.
func quoted(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.QuoteToASCII(text)
}
