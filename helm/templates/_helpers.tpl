{{/* The first part of the names of all objects. */}}
{{- define "transload.name" -}}
{{- if contains "transload" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-transload" .Release.Name }}{{ end }}
{{- end }}

{{- define "transload.jobs" -}}
{{- .Values.jobs.namespace | default (printf "transload-%s" .Values.environment) }}
{{- end }}

{{/* The labels by which a component is found: (list . "component"). */}}
{{- define "transload.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: transload
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "transload.labels" -}}
{{- $ := index . 0 -}}
{{ include "transload.selector" . }}
app.kubernetes.io/version: {{ $.Values.image.tag | default $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version }}
{{- end }}

{{/* The reference of an image: (list . "dbt"). */}}
{{- define "transload.image" -}}
{{- $ := index . 0 -}}{{- $name := index . 1 -}}
{{- $usual := printf "%s/%s:%s" $.Values.image.registry $name ($.Values.image.tag | default $.Chart.AppVersion) -}}
{{- index $.Values.image.references $name | default $usual }}
{{- end }}

{{- define "transload.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What every pod keeps to. */}}
{{- define "transload.podSecurity" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "transload.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the lake is: as it is set, else the demo's. */}}
{{- define "transload.destination" -}}
{{- .Values.lake.destination | default (ternary "s3://raw" "" .Values.demo.enabled) }}
{{- end }}

{{- define "transload.endpointUrl" -}}
{{- if and .Values.demo.enabled (not .Values.lake.destination) -}}
http://{{ include "transload.name" . }}-demo-s3.{{ .Release.Namespace }}.svc:8333
{{- else }}{{ .Values.lake.endpointUrl }}{{ end }}
{{- end }}

{{/* The Secrets by name, as JSON: what is set, and in the demo the sandboxes' accounts. Only those with content. */}}
{{- define "transload.secrets" -}}
{{- $found := dict }}
{{- $demo := dict }}
{{- if .Values.demo.enabled }}
  {{- $at := printf "http://%s-demo-%%s.%s.svc:8800" (include "transload.name" .) .Release.Namespace }}
  {{- $demo = dict
        "pestroutes" (dict "PESTROUTES_BASE_URL" (printf "%s/api" (printf $at "pestroutes"))
          "PESTROUTES_AUTHENTICATION_KEY" "key" "PESTROUTES_AUTHENTICATION_TOKEN" "token")
        "marketo" (dict "MARKETO_BASE_URL" (printf $at "marketo") "MARKETO_CLIENT_ID" "id" "MARKETO_CLIENT_SECRET" "secret"
          "MARKETO_POLL" "0.5" "MARKETO_RATE" "10000" "TRANSLOAD_START" "2023-10-01T00:00:00Z")
        "lake" (dict "AWS_ACCESS_KEY_ID" "transload" "AWS_SECRET_ACCESS_KEY" "transload-demo-secret" "AWS_REGION" "us-east-1")
        "dbt" (dict "DBT_THREADS" "2") }}
{{- end }}
{{- $set := dict "lake" .Values.lake.secret "dbt" .Values.dbt.secret }}
{{- range $name, $source := .Values.sources }}
  {{- if $source.enabled }}{{ $_ := set $set $name (default dict $source.secret) }}{{ end }}
{{- end }}
{{- range $name, $content := $set }}
  {{- with (empty $content | ternary (get $demo $name) $content) }}{{ $_ := set $found $name . }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* A Secret's content, made once and then kept: (list . "name" (dict "key" "made now")). `helm template` sees no
     cluster and makes anew each time, so whoever deploys that way brings a Secret. */}}
{{- define "transload.once" -}}
{{- $ := index . 0 -}}
{{- $kept := (lookup "v1" "Secret" $.Release.Namespace (index . 1)).data | default dict -}}
{{- range $key, $made := index . 2 }}
{{ $key }}: {{ get $kept $key | default ($made | b64enc) | quote }}
{{- end }}
{{- end }}
