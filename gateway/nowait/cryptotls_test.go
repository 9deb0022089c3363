// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// The tests of this file are about crypto/tls as much as about us: each one
// pins something that is not documented there and that we rely upon.

// noise is the same for the same size.
func noise(size int) []byte {
	out := make([]byte, size)
	random := rand.New(rand.NewPCG(uint64(size), 1))
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	return out
}

func TestATemporaryErrorInAnyPlaceOfARecordIsForgotten(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			var want []byte
			for _, size := range []int{1, 100, 17_000, 33_000} {
				want = append(want, noise(size)...)
				if _, err := c.client.Write(noise(size)); err != nil {
					t.Fatal(err)
				}
			}
			// A would-block between any two bytes.
			if got := c.drip(t, c.toServer.take(), 1); !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes came, or others", len(got), len(want))
			}
		})
	}
}

func TestTheTemporaryErrorComesBackAsItIs(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			if n, err := c.server.Read(make([]byte, 100)); n != 0 || !errors.Is(err, error(nowait.ErrWouldBlock)) {
				t.Errorf("%d, %#v", n, err)
			}
		})
	}
}

func TestAnErrorOfWritingIsFinalEvenATemporaryOne(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			moody := &moody{Conn: c.conn}
			done := make(chan error, 1)
			server := tls.Server(moody, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, SessionTicketsDisabled: true})
			inbound, outbound := newTube(), newTube()
			moody.Conn = &end{in: inbound, out: outbound}
			client := tls.Client(&end{in: outbound, out: inbound}, &tls.Config{InsecureSkipVerify: true, MaxVersion: k.version})
			go func() { done <- server.Handshake() }()
			if err := errors.Join(client.Handshake(), <-done); err != nil {
				t.Fatal(err)
			}
			moody.refuses = true
			if _, err := server.Write([]byte("x")); !errors.Is(err, nowait.ErrWouldBlock) {
				t.Errorf("the first: %v", err)
			}
			moody.refuses = false
			if _, err := server.Write([]byte("x")); err == nil {
				t.Error("an error of writing is forgotten: Conn.Write could be made simpler")
			}
		})
	}
}

// moody refuses to write now and then.
type moody struct {
	net.Conn

	refuses bool
}

func (m *moody) Write(p []byte) (int, error) {
	if m.refuses {
		return 0, nowait.ErrWouldBlock
	}
	return m.Conn.Write(p)
}

func TestWhatIsWrittenGoesIntoTheExchange(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			want := noise(40_000)
			if n, err := c.server.Write(want); n != len(want) || err != nil {
				t.Fatal(n, err)
			}
			if sent := c.toClient.take(); len(sent) > 0 {
				t.Errorf("%d bytes went to the network", len(sent))
			}
			c.answer()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.client, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the client got something else (%v)", err)
			}
		})
	}
}

func TestReadingNothingIsNoErrorAndNoEnd(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			if n, err := c.server.Read(nil); n != 0 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			_, _ = c.client.Write(noise(100))
			c.exchange.In = c.toServer.take()
			got, err := c.exchange.Decrypt(c.server, make([]byte, 0, 40))
			if !errors.Is(err, nowait.ErrFull) || !bytes.Equal(got, noise(100)[:40]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestRecordsThatCryptoTLSHasAlreadyAreNotLost(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			want := noise(5000)
			// The client sends its request and the first messages at once, as three
			// records and the beginning of a fourth: nothing of it will ever make the
			// socket readable again.
			var rest []byte
			c := newCouple(t, k, func(c *couple) {
				for _, part := range [][]byte{want[:100], want[100:300], want[300:1000], want[1000:]} {
					_, _ = c.client.Write(part)
				}
				sent := c.toServer.take()
				_, _ = c.toServer.Write(sent[:len(sent)-3000])
				rest = sent[len(sent)-3000:]
				request := make([]byte, 50)
				if n, err := c.server.Read(request); err != nil || !bytes.Equal(request[:n], want[:50]) {
					t.Fatal(n, err)
				}
			})
			unread := c.toServer.take() // what crypto/tls has not fetched yet is still in the socket
			got, err := c.exchange.Decrypt(c.server, make([]byte, 0, 64<<10))
			if err != nil || len(got) < 50 {
				t.Errorf("without a byte from the network: %d bytes, %v", len(got), err)
			}
			got = append(bytes.Clone(got), c.drip(t, unread, 700)...)
			got = append(got, c.drip(t, rest, 700)...)
			if !bytes.Equal(got, want[50:]) {
				t.Errorf("got %d bytes, want %d", len(got), len(want)-50)
			}
		})
	}
}

func TestTheEndComesAfterWhatWasSentBefore(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			_, _ = c.client.Write([]byte("last words"))
			if err := c.client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			c.exchange.In = c.toServer.take()
			got, err := c.exchange.Decrypt(c.server, make([]byte, 0, 1000))
			if string(got) != "last words" || !errors.Is(err, io.EOF) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestAnEndOfTheNetworkIsOneOnlyBetweenRecords(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]struct {
				missing int
				want    error
			}{
				"between records": {0, io.EOF},
				"inside a record": {1, io.ErrUnexpectedEOF},
			} {
				t.Run(name, func(t *testing.T) {
					c := newCouple(t, k)
					_, _ = c.client.Write([]byte("words"))
					sent := c.toServer.take()
					_ = c.drip(t, sent[:len(sent)-test.missing], 3)
					c.exchange.Ended = true
					if _, err := c.exchange.Decrypt(c.server, make([]byte, 0, 1000)); !errors.Is(err, test.want) {
						t.Errorf("%v, want %v", err, test.want)
					}
				})
			}
		})
	}
}

func TestARecordThatWasTamperedWithIsFinal(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			_, _ = c.client.Write([]byte("words"))
			sent := c.toServer.take()
			sent[len(sent)-1] ^= 1
			for range 2 {
				c.exchange.In = sent
				if got, err := c.exchange.Decrypt(c.server, make([]byte, 0, 1000)); err == nil || errors.Is(err, io.EOF) || len(got) > 0 {
					t.Errorf("%q, %v", got, err)
				}
				c.exchange.In = nil
			}
			// The alert for the peer waits to be sent.
			if len(c.exchange.Out) == 0 {
				t.Error("the peer is not told")
			}
		})
	}
}

func TestClosingNeedsNoSocketAndTellsThePeer(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			for name, end := range map[string]func(*tls.Conn) error{"Close": (*tls.Conn).Close, "CloseWrite": (*tls.Conn).CloseWrite} {
				t.Run(name, func(t *testing.T) {
					c := newCouple(t, k)
					c.conn.Conn = nil // any call of it would panic
					if err := end(c.server); err != nil {
						t.Error(err)
					}
					c.answer()
					if _, err := c.client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
						t.Errorf("the client saw %v", err)
					}
				})
			}
		})
	}
}

func TestAfterTheEndOfOurDirectionThePeersGoesOn(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			if err := c.server.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_, _ = c.client.Write([]byte("one more"))
			if got := c.drip(t, c.toServer.take(), 1); string(got) != "one more" {
				t.Errorf("got %q", got)
			}
			if _, err := c.server.Write([]byte("x")); err == nil {
				t.Error("something was written behind close_notify")
			}
		})
	}
}

func TestRequestForNewKeysInAnyPieceIsAnsweredWhileReading(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 16} {
				c := newCouple(t, k)
				f := wstest.ForgeClient(t, c.client, c.secrets, 0)
				for i := range 6 {
					want := noise(100 + i)
					stream := bytes.Join([][]byte{f.Data(t, want[:50]), f.KeyUpdate(t), f.Data(t, want[50:])}, nil)
					if got := c.drip(t, stream, size); !bytes.Equal(got, want) {
						t.Fatalf("round %d, pieces of %d: got %d bytes", i, size, len(got))
					}
					if len(c.exchange.Out) == 0 {
						t.Fatalf("round %d: no answer", i)
					}
					// The client understands both the answer and what is written by the
					// new keys.
					if _, err := c.server.Write(want); err != nil {
						t.Fatal(err)
					}
					c.answer()
					got := make([]byte, len(want))
					if _, err := io.ReadFull(c.client, got); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("round %d: the client got something else (%v)", i, err)
					}
				}
			}
		})
	}
}

func TestRequestsForNewKeysWithoutDataInBetweenAreBounded(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			f := wstest.ForgeClient(t, c.client, c.secrets, 0)
			plain := make([]byte, 0, 1000)
			for i := range 100 {
				c.exchange.In = f.KeyUpdate(t)
				if _, err := c.exchange.Decrypt(c.server, plain); err != nil {
					if i > 20 || len(c.exchange.Out) > 2000 {
						t.Errorf("only after %d, with %d bytes of answers", i, len(c.exchange.Out))
					}
					return
				}
			}
			t.Error("a hundred were answered")
		})
	}
}

func TestEmptyRecordsWithoutEndAreBounded(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			f := wstest.ForgeClient(t, c.client, c.secrets, 0)
			for i := range 100 {
				c.exchange.In = f.Data(t, nil)
				if _, err := c.exchange.Decrypt(c.server, make([]byte, 0, 100)); err != nil {
					if i > 20 {
						t.Errorf("only after %d", i)
					}
					return
				}
			}
			t.Error("a hundred were taken")
		})
	}
}
