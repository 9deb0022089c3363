// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const planted = "s3cret-Token-0123456789"

// request is a type of somebody who works on credentials: exported fields for
// the packages that look at these, and what a method would not be asked for.
type request struct {
	secret.Sealed
	Header http.Header
	Token  secret.Text
}

type holder struct {
	token  secret.Text
	tokens []secret.Text
	inner  struct{ deep *secret.Text }
}

// leaks are the ways in which the planted value could be recognised.
func leaks(written string) bool {
	for _, form := range []string{
		planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), strings.Trim(fmt.Sprintf("%d", []byte(planted)), "[]"), fmt.Sprintf("% x", planted),
	} {
		if strings.Contains(written, form) {
			return true
		}
	}
	return false
}

func values() map[string]any {
	token := secret.New(planted)
	held := holder{token: token, tokens: []secret.Text{token}}
	held.inner.deep = &token
	asked := request{Header: http.Header{"Authorization": {"Bearer " + planted}}, Token: token}
	return map[string]any{
		"a text":                            token,
		"a pointer to a text":               &token,
		"a list of texts":                   []secret.Text{token},
		"a map of texts":                    map[string]secret.Text{"key": token},
		"a sealed struct":                   asked,
		"a pointer to a sealed struct":      &asked,
		"a list of sealed structs":          []request{asked},
		"a struct with unexported fields":   held,
		"a pointer to such a struct":        &held,
		"an interface that holds a text":    []any{token, &token},
		"a struct with a text in a pointer": struct{ Token *secret.Text }{&token},
		"a struct with a sealed pointer":    struct{ Asked *request }{&asked},
	}
}

func TestNoVerbOfFmtShowsASecret(t *testing.T) {
	t.Parallel()
	const verbs = "vTtbcdoOqxXUeEfFgGspw!"
	flags := []string{"", "+", "-", "#", " ", "0", "+#", "# ", "40", ".2", "40.30", "-40.30"}
	for what, value := range values() {
		for _, verb := range verbs {
			if strings.Contains(what, "sealed") && strings.ContainsRune("pw", verb) {
				continue // fmt asks no method for these; go vet refuses them
			}
			for _, flag := range flags {
				format := "%" + flag + string(verb)
				if written := fmt.Sprintf(format, value); leaks(written) {
					t.Errorf("%s by %s: %s", what, format, written)
				}
			}
		}
		for name, written := range map[string]string{
			"Sprint": fmt.Sprint(value), "Sprintln": fmt.Sprintln(value), "too many arguments": fmt.Sprintf(strings.Repeat("%d", 1), 1, value),
		} {
			if leaks(written) {
				t.Errorf("%s by %s: %s", what, name, written)
			}
		}
	}
}

func TestATextSaysThatItIsRedacted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if written := fmt.Sprintf(format, secret.New(planted)); written != secret.Redacted {
			t.Errorf("%s writes %q", format, written)
		}
	}
	// A reader must not be able to tell that there is none.
	if written := fmt.Sprint(secret.Text{}); written != secret.Redacted {
		t.Errorf("the empty text writes %q", written)
	}
}

func TestNoEncodingShowsASecret(t *testing.T) {
	t.Parallel()
	for what, value := range values() {
		encodings := map[string]func() ([]byte, error){
			"json": func() ([]byte, error) { return json.Marshal(value) },
			"json with indents": func() ([]byte, error) {
				return json.MarshalIndent(map[string]any{"field": value}, "", " ")
			},
			"xml": func() ([]byte, error) { return xml.Marshal(value) },
			"gob": func() ([]byte, error) {
				var out bytes.Buffer
				err := gob.NewEncoder(&out).Encode(value)
				return out.Bytes(), err
			},
		}
		for name, encode := range encodings {
			// An encoding that refuses a value has not shown it; its error must not.
			written, err := encode()
			if leaks(string(written)) || err != nil && leaks(err.Error()) {
				t.Errorf("%s by %s: %s %v", what, name, written, err)
			}
		}
	}
}

func TestNoLogShowsASecret(t *testing.T) {
	t.Parallel()
	for what, value := range values() {
		var out bytes.Buffer
		for name, handler := range map[string]slog.Handler{
			"json": slog.NewJSONHandler(&out, nil), "text": slog.NewTextHandler(&out, nil),
		} {
			logger := slog.New(handler)
			logger.Info("it is", "text", fmt.Sprint(value), "value", value, slog.Group("group", "value", value))
			logger.With("with", value).Error("again", slog.Any("value", value))
			if leaks(out.String()) {
				t.Errorf("%s by slog's %s: %s", what, name, out.String())
			}
			out.Reset()
		}
		log.New(&out, "", 0).Printf("%v %+v", value, value)
		if leaks(out.String()) {
			t.Errorf("%s by log: %s", what, out.String())
		}
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	t.Parallel()
	for what, value := range values() {
		err := errors.Join(fmt.Errorf("check %v: %w", value, errors.New("refused")), fmt.Errorf("%#v", value))
		for _, written := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if leaks(written) {
				t.Errorf("%s in an error: %s", what, written)
			}
		}
	}
}

// Printers of other packages walk values by reflection, and read what is not
// exported too. Here is such a walk: no string that it comes by is the secret.
func TestReflectionComesByNoTextOfASecret(t *testing.T) {
	t.Parallel()
	token := secret.New(planted)
	held := holder{token: token, tokens: []secret.Text{token}}
	held.inner.deep = &token
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			if leaks(v.String()) {
				t.Error("a string of the value is the secret")
			}
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			for _, field := range v.Fields() {
				walk(field)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		default:
		}
	}
	walk(reflect.ValueOf(&held))
}

func TestATextIsRevealedToWhoAsks(t *testing.T) {
	t.Parallel()
	full, empty := secret.New(planted), secret.New("")
	if full.Reveal() != planted || full.Len() != len(planted) || full.Empty() {
		t.Error("the value is another than was put away")
	}
	if empty.Reveal() != "" || empty.Len() != 0 || !empty.Empty() || !(secret.Text{}).Empty() {
		t.Error("an empty value is not empty")
	}
}

func TestTextsCannotBeCompared(t *testing.T) {
	t.Parallel()
	if reflect.TypeFor[secret.Text]().Comparable() {
		t.Error("== compares the values, and stops at the first byte that differs")
	}
}
