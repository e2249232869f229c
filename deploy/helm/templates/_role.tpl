{{/* What a role is told: its settings as variables. Called with {root, role}. */}}
{{- define "ledgerline.environment" -}}
{{- $values := .root.Values -}}
{{- $own := index $values .role -}}
{{ include "ledgerline.databaseUrl" . }}
- {name: LEDGERLINE_LISTEN, value: "0.0.0.0:8080"}
- {name: LEDGERLINE_LOG_LEVEL, value: {{ $values.logLevel | quote }}}
{{- if eq .role "api" }}
- {name: LEDGERLINE_PROBE_LISTEN, value: "0.0.0.0:8090"}
{{- if $own.keysSecret.name }}
- {name: LEDGERLINE_API_KEYS_FILE, value: /etc/ledgerline/keys/{{ $own.keysSecret.key }}}
{{- end }}
{{- if $own.tlsSecret }}
- {name: LEDGERLINE_TLS_CERT, value: /etc/ledgerline/tls/tls.crt}
- {name: LEDGERLINE_TLS_KEY, value: /etc/ledgerline/tls/tls.key}
{{- end }}
{{- with $own.allowedHosts }}
- {name: LEDGERLINE_ALLOWED_HOSTS, value: {{ . | quote }}}
{{- end }}
{{- with $own.trustedProxies }}
- {name: LEDGERLINE_TRUSTED_PROXIES, value: {{ . | quote }}}
{{- end }}
{{- else if ne .role "notifier" }}
- {name: KAFKA_BROKERS, value: {{ required "kafka.brokers must name the brokers: kafka-1:9092,kafka-2:9092" $values.kafka.brokers | quote }}}
- {name: LEDGERLINE_KAFKA_REPLICATION_FACTOR, value: {{ $values.kafka.replicationFactor | quote }}}
{{- if $values.kafka.configSecret.name }}
- {name: LEDGERLINE_KAFKA_CONFIG_FILE, value: /etc/ledgerline/kafka/{{ $values.kafka.configSecret.key }}}
{{- end }}
{{- end }}
{{- with $values.traces.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with $values.traces.headersSecret }}{{ if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ .name }}, key: {{ .key }}}
{{- end }}{{ end }}
{{- range $name, $value := merge (deepCopy ($own.env | default dict)) ($values.env | default dict) }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $secret := merge (deepCopy ($own.secretEnv | default dict)) ($values.secretEnv | default dict) }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret.name }}, key: {{ $secret.key }}}
{{- end }}
{{- end -}}

{{/* The secrets that it reads as files: name of the volume -> secret. As JSON, because templates return text. */}}
{{- define "ledgerline.files" -}}
{{- $values := .root.Values -}}
{{- $files := dict -}}
{{- with $values.database.caSecret.name }}{{ $_ := set $files "database" . }}{{ end -}}
{{- if eq .role "api" -}}
{{- with $values.api.keysSecret.name }}{{ $_ := set $files "keys" . }}{{ end -}}
{{- with $values.api.tlsSecret }}{{ $_ := set $files "tls" . }}{{ end -}}
{{- else if ne .role "notifier" -}}
{{- with $values.kafka.configSecret.name }}{{ $_ := set $files "kafka" . }}{{ end -}}
{{- end -}}
{{ toJson $files }}
{{- end -}}

{{/* A file that everybody can read is refused: the group is the pod's fsGroup. */}}
{{- define "ledgerline.volumes" -}}
{{- range $name, $secret := include "ledgerline.files" . | fromJson }}
- name: {{ $name }}
  secret: {secretName: {{ $secret }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- define "ledgerline.mounts" -}}
{{- range $name, $secret := include "ledgerline.files" . | fromJson }}
- {name: {{ $name }}, mountPath: /etc/ledgerline/{{ $name }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* The port of the probes: the API has one of its own, which clients cannot keep busy. */}}
{{- define "ledgerline.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: probes}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: probes}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 1
{{- end -}}
