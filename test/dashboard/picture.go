// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Picture has Chromium draw a page of HTML into a PNG file.
func Picture(ctx context.Context, page []byte, height int, file string) error {
	home, err := os.MkdirTemp("", "wsgateway-picture-")
	if err != nil {
		return fmt.Errorf("make a folder for Chromium: %w", err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	source := filepath.Join(home, "page.html")
	if err := os.WriteFile(source, page, 0o600); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "chromium",
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir="+home,
		"--window-size="+strconv.Itoa(Width)+","+strconv.Itoa(height), "--screenshot="+file, "file://"+source)
	command.Env, command.WaitDelay = append(os.Environ(), "HOME="+home), time.Second
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("draw %s with Chromium (on Debian: apt-get install chromium): %w: %s", file, err, out)
	}
	return nil
}
