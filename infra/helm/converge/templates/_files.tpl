{{/*
Secrets are files: each is one entry { path, secret, key, variable }, mounted below /run/secrets/converge and named by a
*_FILE variable. Nothing secret is in an environment variable or in the release. An entry with `configMap` is not secret.
*/}}

{{/* The login to Kafka of a process, in JSON. Takes root and own, the values of this process. */}}
{{- define "converge.login" -}}
{{- merge (dict) (.own | default dict) .root.Values.kafka.sasl | toJson }}
{{- end }}

{{/* The files of connections: to Kafka, where login is given, and to Postgres. Takes root and login. */}}
{{- define "converge.connectionFiles" -}}
{{- with .root.Values.postgres.ca }}
{{- if or .existingConfigMap .existingSecret }}
- path: postgres/ca
  {{ ternary "configMap" "secret" (ne .existingConfigMap "") }}: {{ .existingConfigMap | default .existingSecret }}
  key: {{ .key }}
  variable: PGSSLROOTCERT
{{- end }}
{{- end }}
{{- if .login }}
{{- $tls := .root.Values.kafka.tls }}
{{- range $name, $key := dict "CA" $tls.caKey "CERTIFICATE" $tls.certificateKey "PRIVATE_KEY" $tls.privateKeyKey "PASSPHRASE" $tls.passphraseKey }}
{{- if $key }}
- path: kafka/{{ $name | lower | replace "_" "-" }}
  secret: {{ required "kafka.tls.existingSecret names the secret of the keys in kafka.tls" $tls.existingSecret }}
  key: {{ $key }}
  variable: CONVERGE__KAFKA__TLS__{{ $name }}_FILE
{{- end }}
{{- end }}
{{- with .login }}
{{- if .existingSecret }}
- path: kafka/password
  secret: {{ .existingSecret }}
  key: {{ .passwordKey }}
  variable: CONVERGE__KAFKA__SASL__PASSWORD_FILE
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The file of one secret. Takes from (existingSecret and key), path, variable. Empty where no secret is named. */}}
{{- define "converge.file" -}}
{{- if (.from).existingSecret }}
- path: {{ .path }}
  secret: {{ .from.existingSecret }}
  key: {{ .from.key | default "url" }}
  variable: {{ .variable }}
{{- end }}
{{- end }}

{{/* The files of secrets by name. Takes secrets, folder, and prefix, such as CONVERGE__DATABASES. */}}
{{- define "converge.namedFiles" -}}
{{- $as := . }}
{{- range $name, $from := .secrets }}
{{- include "converge.file" (dict "from" $from "path" (printf "%s/%s" $as.folder $name) "variable" (printf "%s__%s_FILE" $as.prefix ($name | snakecase | upper))) }}
{{- end }}
{{- end }}

{{/* The files of a relay. Takes root and source. */}}
{{- define "converge.relayFiles" -}}
{{- $source := index .root.Values.sources .source }}
{{- include "converge.connectionFiles" (dict "root" .root "login" (include "converge.login" (dict "root" .root "own" $source.sasl) | fromJson)) }}
{{- include "converge.file" (dict "from" $source.database "path" "database-url" "variable" "DATABASE_URL_FILE") }}
{{- include "converge.file" (dict "from" $source.signingKey "path" "signing-key" "variable" "CONVERGE__RELAY__SIGNING_KEY_FILE") }}
{{- end }}

{{/* The variables that name files. Takes the list of files, as YAML. */}}
{{- define "converge.fileVariables" -}}
{{- range fromYamlArray . }}
- name: {{ .variable }}
  value: /run/secrets/converge/{{ .path }}
{{- end }}
{{- end }}

{{/* The volume with the files. Takes name and files. The pod's user need not own them: only this container mounts them. */}}
{{- define "converge.fileVolume" -}}
- name: {{ .name }}
  projected:
    defaultMode: 0444
    sources:
      {{- range fromYamlArray .files }}
      - {{ ternary "configMap" "secret" (hasKey . "configMap") }}:
          name: {{ .configMap | default .secret }}
          items: [{ key: {{ .key | quote }}, path: {{ .path }} }]
      {{- end }}
{{- end }}
