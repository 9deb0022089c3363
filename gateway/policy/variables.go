// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
)

// Identity is the variable identity: who has been authenticated. The fields are
// those of authn.Identity.
type Identity struct {
	// Policy, Method, Issuer, Subject and KeyID are empty where there is none.
	Policy, Method, Issuer, Subject, KeyID string
	// Claims as JSON says, numbers as json.Number.
	Claims map[string]any
}

// Request is the variable request: what is asked for, and from where. There is
// nothing in it that the gateway does not remember of an open connection.
type Request struct {
	// Host without port, Path without query, Origin empty for none.
	Host, Path, Origin string
	// Listener and Route by name.
	Listener, Route string
	// ClientIP is the address that the caller comes from.
	ClientIP netip.Addr
}

// Input is what rules look at.
type Input struct {
	Identity    Identity
	Request     Request
	Certificate Certificate
}

// ResolveName and Parent make Input what cel-go calls an activation.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case "identity":
		return &in.Identity, true
	case "request":
		return &in.Request, true
	case certificateVariable:
		return &in.Certificate, true
	}
	return nil, false
}

// Parent is nil: there are no outer variables.
func (in *Input) Parent() cel.Activation { return nil }

// Names of the types. The slash keeps an expression from naming them, so that
// it cannot make a value of them.
const (
	identityType    = "wsgateway.dev/Identity"
	requestType     = "wsgateway.dev/Request"
	certificateType = "wsgateway.dev/Certificate"
)

const certificateVariable = "certificate"

// variables are the types of the variables, by name.
func variables() map[string]string {
	return map[string]string{"identity": identityType, "request": requestType, certificateVariable: certificateType}
}

// fields of the types, by name. A function, so that nobody can change it.
func fields(typeName string) map[string]*types.FieldType {
	switch typeName {
	case identityType:
		return map[string]*types.FieldType{
			"policy":  text(func(i *Identity) string { return i.Policy }),
			"method":  text(func(i *Identity) string { return i.Method }),
			"issuer":  text(func(i *Identity) string { return i.Issuer }),
			"subject": text(func(i *Identity) string { return i.Subject }),
			"keyID":   text(func(i *Identity) string { return i.KeyID }),
			"claims": field(types.NewMapType(types.StringType, types.DynType), func(i *Identity) (any, bool) {
				return i.Claims, len(i.Claims) > 0
			}),
		}
	case requestType:
		return map[string]*types.FieldType{
			"host":     text(func(r *Request) string { return r.Host }),
			"path":     text(func(r *Request) string { return r.Path }),
			"origin":   text(func(r *Request) string { return r.Origin }),
			"listener": text(func(r *Request) string { return r.Listener }),
			"route":    text(func(r *Request) string { return r.Route }),
			"clientIP": field(ext.IPType, func(r *Request) (any, bool) {
				if !r.ClientIP.IsValid() {
					return nil, false // an error for the rule: it must not pass for an address outside of a network
				}
				return r.ClientIP.Unmap().WithZone(""), true // networks have no zones
			}),
		}
	case certificateType:
		return certificateFields()
	}
	return nil
}

// vocabulary names all fields, for whoever has misspelt one.
func vocabulary() string {
	var names []string
	for variable, typeName := range variables() {
		for name := range fields(typeName) {
			names = append(names, variable+"."+name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func text[T any](get func(*T) string) *types.FieldType {
	return field(types.StringType, func(object *T) (any, bool) {
		value := get(object)
		return value, value != ""
	})
}

// field is read by get, which tells also whether has() finds it. A value of nil
// is an error for the rule that reads it.
func field[T any](kind *types.Type, get func(*T) (value any, set bool)) *types.FieldType {
	return &types.FieldType{
		Type: kind,
		IsSet: func(target any) bool {
			object, ok := target.(*T)
			if !ok {
				return false
			}
			_, set := get(object)
			return set
		},
		GetFrom: func(target any) (any, error) {
			object, ok := target.(*T)
			if !ok {
				return nil, fmt.Errorf("unexpected object %T", target)
			}
			value, _ := get(object)
			if value == nil {
				return nil, errors.New("not known")
			}
			return value, nil
		},
	}
}

// schema adds our types to those of CEL.
type schema struct{ types.Provider }

func (s schema) FindStructType(name string) (*types.Type, bool) {
	if fields(name) != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return s.Provider.FindStructType(name)
}

func (s schema) FindStructFieldNames(name string) ([]string, bool) {
	if known := fields(name); known != nil {
		return slices.Sorted(maps.Keys(known)), true
	}
	return s.Provider.FindStructFieldNames(name)
}

func (s schema) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	if known := fields(name); known != nil {
		found, ok := known[fieldName]
		return found, ok
	}
	return s.Provider.FindStructFieldType(name, fieldName)
}

// adapter makes values of claims as they are looked at, so that a large token
// costs no more than the part that a rule reads.
type adapter struct{ types.Adapter }

func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Adapter.NativeToValue(value)
}

// number is an int where it can be one, so that large identifiers keep all of
// their digits.
func number(n json.Number) ref.Val {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return types.Int(i)
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return types.Uint(u)
	}
	f, err := n.Float64()
	if err != nil {
		return types.NewErr("number out of range")
	}
	return types.Double(f)
}
