// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
)

// deflation is permessage-deflate (RFC 7692) as client and server have agreed upon
// it; nil where they have not.
type deflation struct {
	clientNoTakeover, serverNoTakeover bool

	out    bytes.Buffer
	writer *flate.Writer
	// dictionary is the end of what the server has sent so far.
	dictionary []byte
}

const (
	maxWindow = 32 << 10
	// flushed is the end of a message that is not sent, finished what a decompressor
	// needs behind that to know that nothing follows.
	flushed  = "\x00\x00\xff\xff"
	finished = "\x01\x00\x00\xff\xff"
)

// agree reads the server's answer to an offer, as far as the offers of these cases
// go: an answer with more than those could ask for is against the rules.
func agree(answers []string, offer string) (*deflation, error) {
	if len(answers) == 0 {
		return nil, nil
	}
	name, parameters, _ := strings.Cut(answers[0], ";")
	if len(answers) > 1 || offer == "" || strings.TrimSpace(name) != "permessage-deflate" {
		return nil, fmt.Errorf("%w: it answers with an extension that was not offered", errFrame)
	}
	d := &deflation{}
	for parameter := range strings.SplitSeq(parameters, ";") {
		switch strings.TrimSpace(parameter) {
		case "client_no_context_takeover":
			d.clientNoTakeover = true
		case "server_no_context_takeover":
			d.serverNoTakeover = true
		case "":
		default:
			return nil, fmt.Errorf("%w: it answers with a parameter that was not offered", errFrame)
		}
	}
	if strings.Contains(offer, "server_no_context_takeover") && !d.serverNoTakeover {
		return nil, fmt.Errorf("%w: it does not promise what the offer demands", errFrame)
	}
	var err error
	d.writer, err = flate.NewWriter(&d.out, flate.BestSpeed)
	return d, err //nolint:wrapcheck // of a level that does not exist
}

// deflate compresses a message. Writing to memory cannot fail.
func (d *deflation) deflate(data []byte) []byte {
	if d.clientNoTakeover {
		d.writer.Reset(&d.out)
	}
	_, _ = d.writer.Write(data)
	_ = d.writer.Flush()
	compressed := bytes.Clone(bytes.TrimSuffix(d.out.Bytes(), []byte(flushed)))
	d.out.Reset()
	return compressed
}

// inflate decompresses a message.
func (d *deflation) inflate(data []byte) ([]byte, error) {
	whole := io.MultiReader(bytes.NewReader(data), strings.NewReader(flushed+finished))
	plain, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(whole, d.dictionary), mostPayload))
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be decompressed: %w", errFrame, err)
	}
	if !d.serverNoTakeover {
		d.dictionary = append(d.dictionary, plain...)
		d.dictionary = d.dictionary[max(len(d.dictionary)-maxWindow, 0):]
	}
	return plain, nil
}
