// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"fmt"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
)

// texts are attributes by their names.
func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, one := range attributes {
		switch value := one.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			all[one.GetKey()] = value.StringValue
		case *commonpb.AnyValue_IntValue:
			all[one.GetKey()] = fmt.Sprint(value.IntValue)
		case *commonpb.AnyValue_DoubleValue:
			all[one.GetKey()] = fmt.Sprint(value.DoubleValue)
		case *commonpb.AnyValue_BoolValue:
			all[one.GetKey()] = fmt.Sprint(value.BoolValue)
		default:
			all[one.GetKey()] = fmt.Sprintf("%T", value)
		}
	}
	return all
}
