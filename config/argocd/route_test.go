// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

// routes are those of a team, at each stage of their life. What is true at each
// parent is in status.parents; the conditions beside it sum that up, and are what
// everybody waits for.
func routes() map[string]map[string]any {
	const served, refused = "The route is served at every parent.", "another namespace has claimed a hostname of this route: choose another one"
	waiting := `there is no WebSocketGateway "edge" that this route may attach to: correct the name, or ask its owner`
	return map[string]map[string]any{
		"healthy.yaml":                 route(map[string]string{"Accepted": served, "Ready": served}, ""),
		"progressing-no-gateway.yaml":  route(map[string]string{"Ready": waiting}, "Reconciling"),
		"degraded-hostname-taken.yaml": route(map[string]string{"Ready": refused}, "Stalled"),
	}
}

// route has the status of a summary: conditions that are True but for Ready, which is
// False with the same message where abnormal names another condition.
func route(messages map[string]string, abnormal string) map[string]any {
	condition := func(name, status, message string) map[string]any {
		return map[string]any{
			"type": name, "status": status, "reason": "Summary", "message": message,
			"observedGeneration": 1.0, "lastTransitionTime": "2026-03-04T12:00:00Z",
		}
	}
	ready, message := "True", messages["Ready"]
	conditions := []any{}
	if accepted, ok := messages["Accepted"]; ok {
		conditions = append(conditions, condition("Accepted", "True", accepted))
	}
	if abnormal != "" {
		ready = "False"
	}
	conditions = append(conditions, condition("Ready", ready, message))
	if abnormal != "" {
		conditions = append(conditions, condition(abnormal, "True", message))
	}
	return map[string]any{
		"apiVersion": "wsgateway.dev/v1alpha1", "kind": "WebSocketRoute",
		"metadata": map[string]any{"namespace": "team", "name": "chat", "generation": 1.0},
		"spec": map[string]any{
			"parentRefs": []any{map[string]any{"name": "edge", "namespace": "default"}},
			"hostnames":  []any{"chat.example.com"},
			"rules": []any{map[string]any{
				"name": "all", "authPolicy": "users", "backendRefs": []any{map[string]any{"name": "echo", "port": 8080.0}},
			}},
		},
		"status": map[string]any{"observedGeneration": 1.0, "conditions": conditions},
	}
}
