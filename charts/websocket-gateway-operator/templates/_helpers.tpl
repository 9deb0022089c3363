{{- define "wsgateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "wsgateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "wsgateway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "wsgateway.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wsgateway.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "wsgateway.serviceAccount" -}}
{{- default (include "wsgateway.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- /*
The name label is fixed: the gateways' NetworkPolicies let pods with it in. Names are
quoted here and everywhere, since 123, 1e3 and true may be names, and are no text in YAML.
*/ -}}
{{- define "wsgateway.selectorLabels" -}}
app.kubernetes.io/name: websocket-gateway-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /*
labels takes a dict of root and, if there are more, extra. Maps are merged, never
printed one after the other: a key twice is an error for server-side apply.
*/ -}}
{{- define "wsgateway.labels" -}}
{{- $own := include "wsgateway.selectorLabels" .root | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- merge $own (deepCopy (default dict .extra)) (deepCopy (default dict .root.Values.commonLabels)) | toYaml -}}
{{- end -}}

{{- /*
metadata takes a dict of root, and optionally suffix of the name, name instead of it,
cluster (the object has no namespace), namespace, labels and annotations.
*/ -}}
{{- define "wsgateway.metadata" -}}
name: {{ default (printf "%s%s" (include "wsgateway.fullname" .root) (default "" .suffix)) .name | quote }}
{{- if not .cluster }}
namespace: {{ default (include "wsgateway.namespace" .root) .namespace | quote }}
{{- end }}
labels:
  {{- include "wsgateway.labels" (dict "root" .root "extra" .labels) | nindent 2 }}
{{- with merge dict (deepCopy (default dict .annotations)) (deepCopy (default dict .root.Values.commonAnnotations)) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* repository takes a dict of root and image, and tells registry and repository. */ -}}
{{- define "wsgateway.repository" -}}
{{- printf "%s/%s" (default .image.registry .root.Values.global.imageRegistry | trimSuffix "/") .image.repository -}}
{{- end -}}

{{- /* image takes a dict of root and image. */ -}}
{{- define "wsgateway.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" (include "wsgateway.repository" .) .image.digest -}}
{{- else -}}
{{- printf "%s:%s" (include "wsgateway.repository" .) (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}
