// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const customizations = "resource_customizations/wsgateway.dev"

// modes are the two ways in which Argo CD runs scripts: overrides of users with
// few libraries, built-in checks with all.
func modes() map[string]func() *lua.LState {
	return map[string]func() *lua.LState{
		"few libraries": fewLibraries,
		"all libraries": func() *lua.LState { return lua.NewState() },
	}
}

// fewLibraries has base, package, table and, of os, the clock.
func fewLibraries() *lua.LState {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.PreloadModule(lua.OsLibName, func(l *lua.LState) int {
		l.Push(l.NewFunction(lua.OpenOs))
		l.Push(lua.LString(lua.OsLibName))
		l.Call(1, 1)
		whole, clock := l.CheckTable(-1), l.NewTable()
		for _, name := range []string{"time", "date"} {
			clock.RawSetString(name, whole.RawGetString(name))
		}
		l.SetGlobal(lua.OsLibName, lua.LNil)
		l.Push(clock)
		return 1
	})
	return state
}

// run gives the object to a script below customizations and returns what that
// returns.
func run(t *testing.T, state *lua.LState, script string, object map[string]any) *lua.LTable {
	t.Helper()
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(source(t, script)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("%s returns %s", script, state.Get(-1).Type())
	}
	return table
}

func source(t *testing.T, script string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(customizations, script))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// value hands a decoded manifest to Lua.
func value(state *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range v {
			table.RawSetString(key, value(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// decoded takes a value back from Lua, which cannot tell an empty list from an
// empty map.
func decoded(v lua.LValue) any {
	switch v := v.(type) {
	case *lua.LTable:
		if v.Len() > 0 {
			var list []any
			for i := 1; i <= v.Len(); i++ {
				list = append(list, decoded(v.RawGetInt(i)))
			}
			return list
		}
		object := map[string]any{}
		v.ForEach(func(key, item lua.LValue) { object[key.String()] = decoded(item) })
		return object
	case lua.LString:
		return string(v)
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return float64(v)
	}
	return nil
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// compare holds a file against what it should say; -update writes it.
func compare(t *testing.T, path string, want any) {
	t.Helper()
	content := text(t, want)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(content, string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
