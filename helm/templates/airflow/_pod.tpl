{{/* How all of Airflow's containers are set up: variables, from their Secrets too. */}}
{{- define "transload.airflow.environment" -}}
{{- $name := include "transload.name" . -}}
{{- $keys := .Values.airflow.keysSecret | default (printf "%s-keys" $name) -}}
envFrom:
  - configMapRef: {name: {{ $name }}-variables}
  - configMapRef: {name: {{ $name }}-airflow}
  {{- if .Values.airflow.connections }}
  - secretRef: {name: {{ $name }}-connections}
  {{- end }}
  - secretRef: {name: transload-lake, optional: true}
  {{- with .Values.airflow.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  - name: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN
    valueFrom: {secretKeyRef: {name: {{ .Values.airflow.database.secret | default (printf "%s-database" $name) }}, key: connection}}
  - name: AIRFLOW__CORE__FERNET_KEY
    valueFrom: {secretKeyRef: {name: {{ $keys }}, key: fernet-key}}
  - name: AIRFLOW__API_AUTH__JWT_SECRET
    valueFrom: {secretKeyRef: {name: {{ $keys }}, key: jwt-secret}}
  - name: AIRFLOW__API__SECRET_KEY
    valueFrom: {secretKeyRef: {name: {{ $keys }}, key: api-secret-key}}
{{- end }}

{{- define "transload.airflow.image" -}}
image: {{ include "transload.image" (list . "airflow") }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "transload.airflow.nodes" -}}
{{- with .Values.airflow.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.airflow.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.airflow.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* The folders of DAGs: the image's, and that of the files in values. */}}
{{- define "transload.airflow.bundles" -}}
{{- $class := "airflow.dag_processing.bundles.local.LocalDagBundle" -}}
- {name: dags-folder, classpath: {{ $class }}, kwargs: {}}
- {name: values, classpath: {{ $class }}, kwargs: {path: /opt/airflow/values}}
{{- end }}
