// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"cmp"
	"errors"
	"strconv"
)

// Deflate is the name of permessage-deflate.
const Deflate = "permessage-deflate"

// The parameters of RFC 7692 section 7.1.
const (
	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverWindow     = "server_max_window_bits"
	clientWindow     = "client_max_window_bits"

	leastWindow, mostWindow = 8, 15
	// noValue stands for a window that is named without a size.
	noValue = -1
)

// terms of compression, as they are offered or agreed upon. A window is 0 where it is
// not named.
type terms struct {
	serverNoTakeover, clientNoTakeover bool
	serverWindow, clientWindow         int
}

// Offers returns those of a client's offers that a server may accept. What is no
// permessage-deflate is left out: other extensions may give a meaning to bits, opcodes
// or payloads that nobody here could judge. So is an offer of permessage-deflate that
// a server has to decline (RFC 7692 section 5.1): one with an unknown parameter, one
// that is named twice, or a value that is not allowed.
func Offers(list []Extension) []Extension {
	var offers []Extension
	for _, e := range list {
		if t, ok := read(e); ok && t.serverWindow != noValue {
			offers = append(offers, e)
		}
	}
	return offers
}

var (
	errSeveral  = errors.New("101 with a malformed extension, or with several")
	errUnknown  = errors.New("101 with an extension that was not offered")
	errMismatch = errors.New("101 with parameters of permessage-deflate that fit none of the offers")
)

// Agreed holds a server's answer, the values of all of its Sec-WebSocket-Extensions
// fields, against the offers that it got (RFC 7692 section 7.1). It returns what both
// sides have agreed upon, nil for nothing. After an error the handshake must fail:
// each side would think something else of the frames that follow.
func Agreed(answer []string, offers []Extension) (*Extension, error) {
	if len(answer) == 0 {
		return nil, nil
	}
	list, ok := Parse(answer)
	switch {
	case len(offers) == 0:
		return nil, errUnknown
	case !ok || len(list) != 1:
		return nil, errSeveral
	case list[0].Name != Deflate:
		return nil, errUnknown
	}
	agreed, ok := read(list[0])
	if !ok || agreed.serverWindow == noValue || agreed.clientWindow == noValue {
		return nil, errMismatch
	}
	for _, e := range offers {
		if offered, ok := read(e); ok && agreed.fit(offered) {
			return &list[0], nil
		}
	}
	return nil, errMismatch
}

// fit tells whether an answer with these terms accepts an offer. What the client
// demands of the server has to be in the answer; what the server demands of the client
// may be, but a window only where the client has said that it can choose one.
func (t terms) fit(offered terms) bool {
	switch {
	case offered.serverNoTakeover && !t.serverNoTakeover:
		return false
	case offered.serverWindow != 0 && cmp.Or(t.serverWindow, mostWindow) > offered.serverWindow:
		return false
	case t.clientWindow != 0 && offered.clientWindow == 0:
		return false
	}
	return offered.clientWindow <= 0 || t.clientWindow <= offered.clientWindow
}

// read returns the terms of an extension; ok is false where it is no
// permessage-deflate or breaks a rule that offers and answers have in common.
func read(e Extension) (t terms, ok bool) {
	if e.Name != Deflate {
		return terms{}, false
	}
	for _, p := range e.Parameters {
		switch p.Name {
		case serverNoTakeover:
			ok = setOnce(&t.serverNoTakeover, p.Value)
		case clientNoTakeover:
			ok = setOnce(&t.clientNoTakeover, p.Value)
		case serverWindow:
			ok = t.serverWindow == 0 && window(&t.serverWindow, p.Value)
		case clientWindow:
			ok = t.clientWindow == 0 && window(&t.clientWindow, p.Value)
		default:
			ok = false
		}
		if !ok {
			return terms{}, false
		}
	}
	return t, true
}

func setOnce(flag *bool, value string) bool {
	first := !*flag
	*flag = true
	return first && value == ""
}

// window reads the size of a window, a decimal number without leading zeros.
func window(size *int, value string) bool {
	if value == "" {
		*size = noValue
		return true
	}
	n, err := strconv.Atoi(value)
	*size = n
	return err == nil && leastWindow <= n && n <= mostWindow && strconv.Itoa(n) == value
}
