{{/*
The relay of a source as a native sidecar: an entry of `initContainers` in a pod of your own chart.
Takes chart (`.Subcharts.converge`) and source. It starts before your containers and stops after them, so it publishes
what they wrote last. Its probes never take your pod out of service: while Kafka is down, your service goes on writing.
*/}}
{{- define "converge.relaySidecar" -}}
{{- include "converge.requireBroker" .chart }}
{{- $values := .chart.Values }}
{{- $source := required (printf "converge.sources.%s is missing: the sidecar has no database" .source) (index $values.sources .source) }}
{{- $login := include "converge.login" (dict "root" .chart "own" $source.sasl) | fromJson }}
{{- $files := include "converge.relayFiles" (dict "root" .chart "source" .source) }}
- name: relay
  restartPolicy: Always
  image: {{ include "converge.image" .chart }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  command: [tini, --, converge]
  args: [relay]
  env:
    {{- include "converge.environment" (dict "root" .chart "login" $login "files" $files "port" $values.relay.sidecarHealthPort "settings" $source.settings "service" (printf "relay-%s" .source)) | nindent 4 }}
  ports:
    - { name: relay-health, containerPort: {{ $values.relay.sidecarHealthPort }} }
  startupProbe:
    httpGet: { path: /livez, port: relay-health }
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 60
  livenessProbe:
    httpGet: { path: /livez, port: relay-health }
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 3
  resources: {{ toYaml ($source.resources | default $values.relay.resources) | nindent 4 }}
  securityContext: {{ include "converge.containerSecurity" .chart | nindent 4 }}
  volumeMounts:
    - { name: converge-relay, mountPath: /run/secrets/converge, readOnly: true }
{{- end }}

{{/* The volume of the sidecar: an entry of `volumes` of the same pod. Takes the same. */}}
{{- define "converge.relaySidecarVolume" -}}
{{- include "converge.fileVolume" (dict "name" "converge-relay" "files" (include "converge.relayFiles" (dict "root" .chart "source" .source))) }}
{{- end }}
