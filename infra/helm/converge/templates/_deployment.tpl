{{/*
A Deployment of one process. Takes root, component, source (of a relay), replicas, image, program and its args, login, files,
settings, resources, and ports beside the health port.
*/}}
{{- define "converge.deployment" -}}
{{- $process := .component }}
{{- with .source }}{{ $process = printf "%s-%s" $process . }}{{ end }}
{{- $name := printf "%s-%s" (include "converge.fullname" .root) $process }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{ include "converge.labels" . | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  # The new pod is ready before an old one goes.
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector:
    matchLabels: {{ include "converge.selector" . | nindent 6 }}
  template:
    metadata: {{ include "converge.podMetadata" . | nindent 6 }}
    spec:
      {{- include "converge.podSpec" . | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ .image | default (include "converge.image" .root) }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [tini, --, {{ .program }}]
          args: {{ toJson .args }}
          env:
            {{- include "converge.environment" (dict "root" .root "login" .login "files" .files "port" .root.Values.healthPort "settings" .settings "service" $process) | nindent 12 }}
          ports:
            - { name: health, containerPort: {{ .root.Values.healthPort }} }
            {{- range $port, $number := .ports }}
            - { name: {{ $port }}, containerPort: {{ $number }} }
            {{- end }}
          {{- include "converge.probes" . | nindent 10 }}
          resources: {{ toYaml .resources | nindent 12 }}
          securityContext: {{ include "converge.containerSecurity" .root | nindent 12 }}
          volumeMounts:
            - { name: secrets, mountPath: /run/secrets/converge, readOnly: true }
      volumes:
        {{- include "converge.fileVolume" (dict "name" "secrets" "files" .files) | nindent 8 }}
{{- if gt (int .replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{ include "converge.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{ include "converge.selector" . | nindent 6 }}
{{- end }}
{{- end }}
