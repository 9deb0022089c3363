// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/tg123/go-htpasswd"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Bounds of password files.
const (
	// MaxUsers of a file.
	MaxUsers = 10_000
	// MaxUserBytes bounds a user name.
	MaxUserBytes = 128
	// MaxPasswordBytes is how much of a password bcrypt looks at: of two longer
	// ones that differ behind it, each would open the other's door.
	MaxPasswordBytes = 72
	// The work that one attempt may cause, about a second of a processor.
	maxBcryptCost = 14
	minRounds     = 1000
	maxRounds     = 1_000_000
	// maxRemembered bounds the memory of successful attempts.
	maxRemembered = 1024
)

// passwords is the content of one password file (htpasswd).
type passwords struct {
	digest [sha256.Size]byte
	users  map[string]password
	// decoy is checked for users that do not exist, so that the time of an
	// answer does not tell which ones do.
	decoy password
	// slots bound how many passwords are checked at once: strangers must not
	// take every processor from those who are connected already.
	slots chan struct{}
	memory
}

type password struct {
	hash    secret.Text
	encoded htpasswd.EncodedPasswd
}

// readPasswords reads a password file. previous, if it has the same content, is
// returned as it is, with its memory. Errors name lines, nothing of their text.
func readPasswords(data []byte, previous *passwords) (*passwords, error) {
	digest := sha256.Sum256(data)
	if previous != nil && previous.digest == digest {
		return previous, nil
	}
	file := &passwords{
		digest: digest, users: map[string]password{},
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), memory: newMemory(),
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := file.add(text); err != nil {
			return nil, fmt.Errorf("password file, line %d: %w", number, err)
		}
	}
	if len(file.users) == 0 {
		return nil, errors.New("password file: no users")
	}
	return file, nil
}

func (p *passwords) add(line string) error {
	user, hash, ok := strings.Cut(line, ":")
	if !ok || unfit(user, MaxUserBytes) {
		return errors.New("not a user name, a colon and a hash")
	}
	if _, twice := p.users[user]; twice {
		return errors.New("a user who has a line already")
	}
	if len(p.users) == MaxUsers {
		return fmt.Errorf("more than %d users", MaxUsers)
	}
	encoded, err := decodeHash(hash)
	if err != nil {
		return err
	}
	p.users[user] = password{hash: secret.New(hash), encoded: encoded}
	if p.decoy.encoded == nil {
		p.decoy = p.users[user]
	}
	return nil
}

// unfit tells names and passwords that RFC 7617 section 2 or our bounds rule out.
func unfit(text string, most int) bool {
	return text == "" || len(text) > most || strings.ToValidUTF8(text, "") != text ||
		strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// decodeHash accepts bcrypt and SHA-crypt. The form is checked to the last
// character first: the library takes what it does not know for plain text, and
// its SHA-crypt cannot cope with a malformed hash.
func decodeHash(hash string) (htpasswd.EncodedPasswd, error) {
	bcrypt := regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)
	shaCrypt := regexp.MustCompile(`^\$(?:5\$(?:rounds=([1-9][0-9]{0,8})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|6\$(?:rounds=([1-9][0-9]{0,8})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86})$`)
	if found := bcrypt.FindStringSubmatch(hash); found != nil {
		if cost, err := strconv.Atoi(found[1]); err != nil || cost < 4 || cost > maxBcryptCost {
			return nil, fmt.Errorf("bcrypt with a cost that is not between 4 and %d", maxBcryptCost)
		}
		return htpasswd.AcceptBcrypt(hash)
	}
	if found := shaCrypt.FindStringSubmatch(hash); found != nil {
		given := found[1] + found[2]
		if rounds, err := strconv.Atoi(given); given != "" && (err != nil || rounds < minRounds || rounds > maxRounds) {
			return nil, fmt.Errorf("SHA-crypt with rounds that are not between %d and %d", minRounds, maxRounds)
		}
		return htpasswd.AcceptCryptSha(hash)
	}
	return nil, errors.New("neither bcrypt nor SHA-crypt; plain passwords, MD5 and SHA-1 are not accepted: use htpasswd -B")
}

// memory remembers the latest successful attempts by a keyed hash, which is
// worth nothing outside of this process: a password hash takes long on purpose.
// It is safe for concurrent use.
type memory struct {
	key secret.Text
	mu  *sync.Mutex
	// known is as large as order; next is the oldest of a full one.
	known map[[sha256.Size]byte]bool
	order [][sha256.Size]byte
	next  int
}

func newMemory() memory {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return memory{key: secret.New(string(key)), mu: &sync.Mutex{}, known: map[[sha256.Size]byte]bool{}}
}

// attempt identifies a user with a password. Neither can hold a NUL.
func (m *memory) attempt(user string, password secret.Text) [sha256.Size]byte {
	mac := hmac.New(sha256.New, []byte(m.key.Reveal()))
	_, _ = mac.Write([]byte(user + "\x00" + password.Reveal()))
	return [sha256.Size]byte(mac.Sum(nil))
}

func (m *memory) remembers(attempt [sha256.Size]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[attempt]
}

func (m *memory) remember(attempt [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[attempt] {
		return
	}
	m.known[attempt] = true
	if len(m.order) < maxRemembered {
		m.order = append(m.order, attempt)
		return
	}
	delete(m.known, m.order[m.next])
	m.order[m.next] = attempt
	m.next = (m.next + 1) % maxRemembered
}
