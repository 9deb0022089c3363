// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestRecordKnowsItsProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	record, err := recordOf(cmd.Process.Pid, "")
	if err != nil {
		t.Fatal(err)
	}
	if !record.Alive() {
		t.Fatal("a running process is called dead")
	}
	// The process is not waited for until it is dead: a zombie counts as dead.
	if err := record.Kill(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if record.Alive() {
		t.Error("a zombie is called alive")
	}
	_ = cmd.Wait()
	if record.Alive() {
		t.Error("a process that is gone is called alive")
	}
}

func TestRecordSparesAStrangerWithTheSamePID(t *testing.T) {
	self, err := recordOf(os.Getpid(), "")
	if err != nil {
		t.Fatal(err)
	}
	stranger := Record{PID: self.PID, Start: self.Start - 1}
	if stranger.Alive() {
		t.Fatal("PID alone decided")
	}
	// Were it mistaken, this test would end here.
	if err := stranger.Kill(time.Second); err != nil {
		t.Error(err)
	}
	if (Record{}).Alive() {
		t.Error("no record at all is called alive")
	}
}

func TestParseStatSkipsTheName(t *testing.T) {
	line := "42 (a) S (b c) R 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0"
	start, state, err := parseStat(line)
	if err != nil || start != 987654 || state != 'R' {
		t.Errorf("start %d, state %c, error %v", start, state, err)
	}
	for _, broken := range []string{"", "42 (x", "42 (x) R 1"} {
		if _, _, err := parseStat(broken); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

func TestJSONFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.json")
	var record Record
	if err := readJSON(path, &record); err != nil || record != (Record{}) {
		t.Errorf("no file: %v, %v", record, err)
	}
	if err := writeJSON(path, Record{PID: 7, Start: 8}); err != nil {
		t.Fatal(err)
	}
	if err := readJSON(path, &record); err != nil || record.PID != 7 || record.Start != 8 {
		t.Errorf("after writing: %v, %v", record, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := readJSON(path, &record); err == nil {
		t.Error("half a file was accepted")
	}
}
