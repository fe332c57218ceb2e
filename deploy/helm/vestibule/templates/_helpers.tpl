{{- define "vestibule.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vestibule.labels" -}}
{{ include "vestibule.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "vestibule.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "vestibule.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.host" -}}
{{- .Values.ingress.host | default (regexReplaceAll ":[0-9]+$" (trimPrefix "https://" .Values.issuer) "") -}}
{{- end -}}

{{/* The environment, one name once: what settings say wins. */}}
{{- define "vestibule.environment" -}}
{{- $own := dict
  "ISSUER" .Values.issuer
  "HOST" "0.0.0.0"
  "PORT" "8000"
  "SECRETS_DIR" "/etc/vestibule/secrets"
  "TRUSTED_PROXIES" (join "," .Values.trustedProxies)
  "REQUIRE_TLS" "always"
  "HASH_THREADS" .Values.hashThreads
  "DRAIN_DELAY" .Values.drain.delay
  "DRAIN_TIMEOUT" .Values.drain.timeout
  "FIRST_ADMINISTRATOR" "false"
-}}
{{- with .Values.metrics.networks }}{{ $_ := set $own "METRICS_NETWORKS" (join "," .) }}{{ end -}}
{{- $all := mergeOverwrite $own .Values.settings -}}
{{- range $name := keys $all | sortAlpha }}
{{- $value := get $all $name }}
{{- /* Helm reads numbers as floats, and would write a large one as 2.592e+06. */ -}}
{{- if kindIs "float64" $value }}{{ if eq $value (floor $value) }}{{ $value = int64 $value }}{{ end }}{{ end }}
- name: VESTIBULE_{{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* What all pods of the program have in common. */}}
{{- define "vestibule.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "vestibule.container" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
env:
  {{- include "vestibule.environment" . | trim | nindent 2 }}
volumeMounts:
  - name: secrets
    mountPath: /etc/vestibule/secrets
    readOnly: true
  - name: temporary
    mountPath: /tmp
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- end -}}

{{- define "vestibule.volumes" -}}
- name: temporary
  {{- /* Two files of an import in the browser, of 64 MB each: who takes more is evicted. */}}
  emptyDir:
    sizeLimit: 160Mi
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "vestibule.secret" (list .Values.secrets.secretKey "secret_key") | nindent 6 }}
      {{- include "vestibule.secret" (list .Values.secrets.databaseUrl "database_url") | nindent 6 }}
      {{- include "vestibule.secret" (list .Values.secrets.redisUrl "redis_url") | nindent 6 }}
      {{- if .Values.metrics.token.name }}
      {{- include "vestibule.secret" (list .Values.metrics.token "metrics_token") | nindent 6 }}
      {{- end }}
      {{- range .Values.secrets.extra }}
      {{- include "vestibule.secret" (list . .option) | nindent 6 }}
      {{- end }}
{{- end -}}

{{- define "vestibule.secret" -}}
{{- $reference := index . 0 -}}
- secret:
    name: {{ $reference.name }}
    items:
      - key: {{ $reference.key }}
        path: vestibule_{{ index . 1 }}
{{- end -}}
