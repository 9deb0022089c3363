// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// figure is a line of the report.
type figure struct {
	name  string
	value any
}

func (w *world) note(name string, value any) {
	w.figures = append(w.figures, figure{name, value})
}

func (w *world) report(t *testing.T) {
	t.Helper()
	var lines strings.Builder
	for _, f := range w.figures {
		fmt.Fprintf(&lines, "\n  %-90s %v", f.name, f.value)
	}
	t.Log("Argo CD and the operator:" + lines.String())
}

// drift compares each object as it is in the repository with the one on the
// cluster. It returns the number of fields that the repository gives, and those
// that have another value on the cluster.
func (w *world) drift(t *testing.T, name string) (fields int, different []string) {
	t.Helper()
	var answer struct {
		Items []struct {
			Kind        string `json:"kind"`
			Name        string `json:"name"`
			TargetState string `json:"targetState"`
			LiveState   string `json:"liveState"`
			Modified    bool   `json:"modified"`
		} `json:"items"`
	}
	if err := w.argo.call(t, name+"/managed-resources", nil, &answer); err != nil {
		t.Fatal(err)
	}
	for _, item := range answer.Items {
		var target, live any
		if err := json.Unmarshal([]byte(item.TargetState), &target); err != nil {
			t.Fatalf("%s %s of the repository: %v", item.Kind, item.Name, err)
		}
		if err := json.Unmarshal([]byte(item.LiveState), &live); err != nil {
			t.Fatalf("%s %s of the cluster: %v", item.Kind, item.Name, err)
		}
		c := comparison{}
		c.compare(item.Kind+"/"+item.Name, target, live)
		if item.Modified {
			c.different = append(c.different, item.Kind+"/"+item.Name+" is modified in the eyes of Argo CD")
		}
		fields, different = fields+c.fields, append(different, c.different...)
	}
	if fields == 0 {
		t.Errorf("application %s has no fields", name)
	}
	return fields, different
}

// comparison counts the fields of one object.
type comparison struct {
	fields    int
	different []string
}

// compare looks for everything of target in live. What the repository leaves empty
// or does not mention is nobody's.
func (c *comparison) compare(path string, target, live any) {
	switch target := target.(type) {
	case nil:
	case map[string]any:
		object, _ := live.(map[string]any)
		for name, field := range target {
			c.compare(path+"."+name, field, object[name])
		}
	case []any:
		list, _ := live.([]any)
		if len(list) != len(target) {
			c.differs(path, target, live)
			return
		}
		for i, item := range target {
			c.compare(fmt.Sprintf("%s[%d]", path, i), item, list[i])
		}
	default:
		c.fields++
		if !reflect.DeepEqual(target, live) {
			c.differs(path, target, live)
		}
	}
}

func (c *comparison) differs(path string, target, live any) {
	c.different = append(c.different, fmt.Sprintf("%s is %v in the repository and %v on the cluster", path, target, live))
}

// write is the part of an event in the API server's log that tells who wrote what.
type write struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup, Resource, Subresource, Namespace, Name string
	} `json:"objectRef"`
	RequestReceived time.Time `json:"requestReceivedTimestamp"`
}

func (e write) String() string {
	return fmt.Sprintf("%s %s/%s %s/%s", e.Verb, e.ObjectRef.Resource, e.ObjectRef.Subresource, e.ObjectRef.Namespace, e.ObjectRef.Name)
}

// writes reads the API server's log. A trial run writes nothing; reads are not in
// this log.
func (w *world) writes(t *testing.T, wanted func(write) bool) []string {
	t.Helper()
	log, err := os.Open(w.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var found []string
	lines := 0
	scanner := bufio.NewScanner(log)
	scanner.Buffer(make([]byte, 64<<10), 4<<20)
	for scanner.Scan() {
		var event write
		if json.Unmarshal(scanner.Bytes(), &event) != nil {
			continue // The line that is being written now.
		}
		lines++
		if !strings.Contains(event.RequestURI, "dryRun=") && wanted(event) {
			found = append(found, event.String())
		}
	}
	if scanner.Err() != nil || lines == 0 {
		t.Fatalf("%d lines in the API server's log %s, %v", lines, w.audit, scanner.Err())
	}
	return found
}

// writesBy are those of a user since a moment, but for its own bookkeeping.
func (w *world) writesBy(t *testing.T, user string, since time.Time) []string {
	t.Helper()
	return w.writes(t, func(e write) bool {
		own := e.ObjectRef.APIGroup == "argoproj.io" || e.ObjectRef.Resource == "events" || e.ObjectRef.Namespace == space ||
			strings.HasSuffix(e.ObjectRef.Resource, "reviews")
		return e.User.Username == user && e.RequestReceived.After(since) && !own
	})
}

// specWrites are those of the operator to its own kinds, but for their status.
func (w *world) specWrites(t *testing.T) []string {
	t.Helper()
	return w.writes(t, func(e write) bool {
		return strings.HasPrefix(e.User.Username, "system:serviceaccount:"+operatorSpace+":") &&
			e.ObjectRef.APIGroup == "wsgateway.dev" && e.ObjectRef.Subresource != "status"
	})
}
