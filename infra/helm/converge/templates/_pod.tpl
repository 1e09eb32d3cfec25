{{- define "converge.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- with .Values.pod.runAsUser }}
runAsUser: {{ int . }}
{{- end }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What all pods of the chart have in common. Takes root, component, source of a relay, and account in place of the chart's. */}}
{{- define "converge.podSpec" -}}
serviceAccountName: {{ .account | default (include "converge.serviceAccount" .root) }}
automountServiceAccountToken: false
enableServiceLinks: false
# A process ends within 30 s of its SIGTERM by itself.
terminationGracePeriodSeconds: 40
securityContext:
  runAsNonRoot: true
  {{- with .root.Values.pod.runAsUser }}
  runAsUser: {{ int . }}
  {{- end }}
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.pod }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .root.Values.pod.spreadOver }}
topologySpreadConstraints:
  {{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "converge.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{/* Labels and annotations of a pod. */}}
{{- define "converge.podMetadata" -}}
labels:
  {{- include "converge.labels" . | nindent 2 }}
  {{- with .root.Values.pod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.pod.annotations }}
annotations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The variables of a process. Takes root, login, files, port, settings (its own), service (its name in telemetry). */}}
{{- define "converge.environment" -}}
- name: CONVERGE__HEALTH__PORT
  value: {{ .port | quote }}
{{- with .root.Values.kafka }}
{{- if .brokers }}
- name: KAFKA_BROKERS
  value: {{ join "," .brokers | quote }}
{{- end }}
{{- if and .tls.enabled (not .tls.existingSecret) }}
- name: CONVERGE__KAFKA__SSL
  value: 'true'
{{- end }}
{{- end }}
{{- with .login.mechanism }}
- name: CONVERGE__KAFKA__SASL__MECHANISM
  value: {{ . }}
{{- end }}
{{- with .login.username }}
- name: CONVERGE__KAFKA__SASL__USERNAME
  value: {{ . | quote }}
{{- end }}
{{- include "converge.fileVariables" .files }}
{{- $settings := merge (dict) (.settings | default dict) .root.Values.settings }}
{{- if not (hasKey $settings "OTEL_SERVICE_NAME") }}
- name: OTEL_SERVICE_NAME
  value: {{ .service }}
{{- end }}
{{- range $name, $value := $settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Probes of a pod that does nothing else. It may wait ten minutes for its database and broker before it is restarted. */}}
{{- define "converge.probes" -}}
startupProbe:
  httpGet: { path: /startupz, port: health }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 120
livenessProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end }}

{{/* Refuses a process without a log to write to or to read from. */}}
{{- define "converge.requireBroker" -}}
{{- if and (not .Values.kafka.brokers) (ne (.Values.settings.CONVERGE__BROKER | default "") "local") }}
{{- fail "kafka.brokers is empty: list host:port of your brokers, or set settings.CONVERGE__BROKER to local (docs/guides/local-mode.md)" }}
{{- end }}
{{- end }}
