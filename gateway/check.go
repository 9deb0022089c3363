// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Check tells whether a gateway could use config as its config.json. It looks at
// nothing else: Secrets and endpoints may still be missing.
func Check(config []byte) error {
	_, err := contract.ParseConfig(config)
	return err
}
