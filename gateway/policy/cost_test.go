// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// patience is far above what a bounded rule takes on a busy machine, and far
// below what the rules of these tests take without bounds.
const patience = 20 * time.Second

// glutton shows the largest token and the longest path that there are.
func glutton() *policy.Input {
	numbers, texts := make([]any, 3000), make([]any, 280)
	for i := range numbers {
		numbers[i] = json.Number("1")
	}
	for i := range texts {
		texts[i] = strings.Repeat("a", 20)
	}
	in := ann()
	in.Identity.Claims = map[string]any{
		"numbers": numbers, "texts": texts, "text": strings.Repeat("a", 6000), "tree": tree(10),
	}
	in.Request.Path = strings.Repeat("/a", 4000)
	return in
}

func tree(depth int) any {
	if depth == 0 {
		return "leaf"
	}
	return []any{tree(depth - 1), tree(depth - 1)}
}

func TestWhatIsWithinReasonIsPaidForWithTheLargestToken(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"identity.claims.numbers.all(x, x == 1)",
		"!identity.claims.texts.exists(x, x in ['admin', 'root'])",
		"!identity.claims.texts.exists(x, x.contains('b'))",
		"identity.claims.tree == identity.claims.tree",
		"!request.path.matches('^/(chat|feed)/[a-z]{1,40}$')",
		"identity.claims.text.startsWith('aaa') && !identity.claims.text.contains('b')",
	} {
		if err := compiled(t, allow(expression)).Decide(glutton()); err != nil {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestARuleThatCostsTooMuchRefusesInBoundedTime(t *testing.T) {
	t.Parallel()
	const dear = `the rules up to "denying" cost too much for this caller`
	for _, expression := range []string{
		"identity.claims.numbers.all(x, identity.claims == identity.claims)",
		"identity.claims.numbers.all(x, [identity.claims.numbers] == [identity.claims.numbers])",
		"identity.claims.numbers.exists(x, {'a': identity.claims} != {'a': identity.claims})",
		"identity.claims.numbers.map(x, identity.claims.numbers == identity.claims.numbers).size() == 1",
		"identity.claims.numbers.all(x, [1, 2, 3, 4, 5, 6, 7, 8, 9].all(y, x <= y))",
		"identity.claims.numbers.all(x, !(x in [identity.claims.numbers]))",
		"identity.claims.numbers.all(x, request.path.size() > 3)",
		"identity.claims.numbers.all(x, request.path.matches('^/'))",
		"identity.claims.numbers.all(x, bytes(request.path).size() > 3)",
		"request.path.matches('(a?){100}b') || request.path.matches('(/?){100}b')",
	} {
		begin := time.Now()
		err := compiled(t, deny(expression), allow("true")).Decide(glutton())
		if err == nil || err.Error() != dear {
			t.Errorf("%s: %v", expression, err)
		}
		if took := time.Since(begin); took > patience {
			t.Errorf("%s: took %v", expression, took)
		}
	}
}

// The bound is that of the decision, not of each rule.
func TestRulesPayTogether(t *testing.T) {
	t.Parallel()
	var rules []policy.Rule
	for range policy.MaxRules - 1 {
		rules = append(rules, allow("!identity.claims.numbers.all(x, x == 1)"))
	}
	if err := compiled(t, append(rules, allow("true"))...).Decide(glutton()); err == nil || !strings.Contains(err.Error(), "cost too much") {
		t.Errorf("%d rules over 3000 items: %v", len(rules), err)
	}
	if err := compiled(t, append(rules, allow("true"))...).Decide(ann()); err != nil {
		t.Errorf("an ordinary caller: %v", err)
	}
}

func TestPatternsThatGrowAreRefused(t *testing.T) {
	t.Parallel()
	e := environment(t)
	for _, pattern := range []string{"(a?){600}b", "((a{1,30}){1,30})", "(((a{9}){9}){9})"} {
		_, problems := e.Compile([]policy.Rule{allow("request.path.matches('" + pattern + "')")})
		if len(problems) != 1 || !strings.Contains(problems[0].Message, "instructions long") && !strings.Contains(problems[0].Message, "invalid") {
			t.Errorf("%s: %v", pattern, problems)
		}
	}
}

// Any expression within the bounds is refused or decided, soon, and twice alike.
func FuzzRules(f *testing.F) {
	for _, expression := range []string{
		"identity.claims.org == 'acme'", "has(identity.claims.a.b) && identity.claims.a.b.exists(x, x > 1)",
		"request.path.matches('^/chat/[0-9]{1,9}$')", "cidr('10.0.0.0/8').containsIP(request.clientIP)",
		"identity.claims.a.map(x, [x, x]) == [[1, 1]]", "{'a': identity.claims}.a == identity.claims",
		"[1, 2].all(x, [3].exists(y, x + y > 4)) ? true : 1 / 0 == 1", "timestamp('2026-01-01T00:00:00Z') < timestamp(0)",
	} {
		f.Add(expression, "/chat/1", `{"org":"acme","a":{"b":[1,2.5,"x",null,true]}}`)
	}
	e := environment(f)
	f.Fuzz(func(t *testing.T, expression, path, claims string) {
		if len(path) > 8<<10 || len(claims) > 6<<10 {
			return // larger than a request or a token can be
		}
		begin := time.Now()
		a, problems := e.Compile([]policy.Rule{deny(expression), allow("true")})
		if (a == nil) != (len(problems) > 0) {
			t.Fatalf("%v, %v", a, problems)
		}
		if a != nil {
			in := ann()
			in.Request.Path, in.Identity.Claims = path, decode(claims)
			if first, second := a.Decide(in), a.Decide(in); (first == nil) != (second == nil) {
				t.Errorf("%v, then %v", first, second)
			}
		}
		if took := time.Since(begin); took > patience {
			t.Errorf("took %v", took)
		}
	})
}

func decode(text string) map[string]any {
	claims := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return nil
	}
	return claims
}

func BenchmarkDecide(b *testing.B) {
	for name, expressions := range map[string][]string{
		"claim":        {"identity.claims.org == 'acme'"},
		"path":         {"request.path.startsWith('/chat/')"},
		"network":      {"cidr('10.0.0.0/8').containsIP(request.clientIP)"},
		"group":        {"'chat' in identity.claims.groups"},
		"typical list": {"has(identity.claims.blocked) && identity.claims.blocked == true", "identity.claims.org == 'acme' && request.path.startsWith('/chat/')"},
	} {
		b.Run(name, func(b *testing.B) {
			rules := []policy.Rule{}
			for i, expression := range expressions {
				rules = append(rules, policy.Rule{Name: "rule", Allow: i == len(expressions)-1, When: expression})
			}
			a, in := compiled(b, rules...), ann()
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Decide(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDearest(b *testing.B) {
	a, in := compiled(b, deny("identity.claims.numbers.all(x, [1, 2, 3, 4, 5, 6, 7, 8, 9].all(y, x <= y))")), glutton()
	b.ReportAllocs()
	for b.Loop() {
		if a.Decide(in) == nil {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkNewEnvironment(b *testing.B) {
	for b.Loop() {
		if _, err := policy.NewEnvironment(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	e := environment(b)
	for b.Loop() {
		if _, problems := e.Compile([]policy.Rule{allow("identity.claims.org == 'acme' && request.path.startsWith('/chat/')")}); problems != nil {
			b.Fatal(problems)
		}
	}
}
