{{/* What a service is told of PostgreSQL: environment, volumes, mounts. ------------------------------------------------- */}}

{{- define "rtchart.postgresql.name" -}}
{{ include "rtchart.fullname" . }}-postgresql
{{- end }}

{{- define "rtchart.database.rolesSecret" -}}
{{ .Values.database.existingRolesSecret | default (printf "%s-database-roles" (include "rtchart.fullname" .)) }}
{{- end }}

{{/* The address behind the user: HOST:PORT/NAME?sslmode=… */}}
{{- define "rtchart.database.address" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "rtchart.postgresql.name" . }}:5432/rtchart?sslmode=disable
{{- else -}}
{{- with .Values.externalPostgresql -}}
{{ required "postgresql.enabled is false: externalPostgresql.host has to say where PostgreSQL is" .host }}:{{ .port }}/{{ .database }}?sslmode={{ .sslMode }}
{{- if .caSecret }}&sslrootcert=/etc/rtchart/database-ca/{{ .caKey }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* For a service with a role of its own. Arguments: root, role. */}}
{{- define "rtchart.database.env" -}}
- {name: RTCHART_DATABASE, value: "postgresql://{{ .role }}@{{ include "rtchart.database.address" .root }}"}
- name: RTCHART_DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "rtchart.database.rolesSecret" .root }}, key: {{ .role }}}}
{{- end }}

{{/* For the operator: the owner of the schema, and the roles' passwords, which it gives to the roles. */}}
{{- define "rtchart.database.ownerEnv" -}}
{{- if .Values.postgresql.enabled -}}
- {name: RTCHART_DATABASE, value: "postgresql://rtchart@{{ include "rtchart.database.address" . }}"}
- name: RTCHART_DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.postgresql.existingSecret | default (include "rtchart.postgresql.name" .) }}, key: password}}
{{- else -}}
{{- $secret := required "postgresql.enabled is false: externalPostgresql.existingSecret has to name a Secret with the owner's password" .Values.externalPostgresql.existingSecret }}
{{- with .Values.externalPostgresql }}
{{- if .owner -}}
- {name: RTCHART_DATABASE_USER, value: {{ .owner | quote }}}
{{- else -}}
- name: RTCHART_DATABASE_USER
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ required "externalPostgresql: owner or userKey is needed" .userKey }}}}
{{- end }}
- {name: RTCHART_DATABASE, value: "postgresql://$(RTCHART_DATABASE_USER)@{{ include "rtchart.database.address" $ }}"}
- name: RTCHART_DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ .passwordKey }}}}
{{- end }}
{{- end }}
- {name: RTCHART_ROLE_PASSWORDS, value: /etc/rtchart/roles}
{{- end }}

{{- define "rtchart.database.volumes" -}}
{{- if and (not .Values.postgresql.enabled) .Values.externalPostgresql.caSecret }}
- name: database-ca
  secret: {secretName: {{ .Values.externalPostgresql.caSecret }}}
{{- end }}
{{- end }}

{{- define "rtchart.database.mounts" -}}
{{- if and (not .Values.postgresql.enabled) .Values.externalPostgresql.caSecret }}
- {name: database-ca, mountPath: /etc/rtchart/database-ca, readOnly: true}
{{- end }}
{{- end }}

{{/* Passwords of the chart's own. They are made once: what is in the cluster already stays. As JSON, base64, by key. -------- */}}

{{- define "rtchart.database.rolePasswords" -}}
{{- include "rtchart.secret" (dict "root" . "name" (include "rtchart.database.rolesSecret" .)
  "keys" (empty .Values.database.existingRolesSecret | ternary (list "rtchart_inserter" "rtchart_aggregator" "rtchart_web") list)) }}
{{- end }}

{{- define "rtchart.postgresql.password" -}}
{{- include "rtchart.secret" (dict "root" . "name" (.Values.postgresql.existingSecret | default (include "rtchart.postgresql.name" .))
  "keys" (empty .Values.postgresql.existingSecret | ternary (list "password") list)) }}
{{- end }}

{{/* The data of a Secret as it is in the cluster, with a random value for each of the keys that it lacks. The same however often
it is asked for, so that what is made and its checksum agree. Arguments: root, name, keys. */}}
{{- define "rtchart.secret" -}}
{{- $known := .root.Values.global.secrets | default dict }}
{{- if not (hasKey $known .name) }}
{{- $data := (lookup "v1" "Secret" .root.Release.Namespace .name).data | default dict }}
{{- range .keys }}
{{- if not (hasKey $data .) }}{{ $_ := set $data . (randAlphaNum 32 | b64enc) }}{{ end }}
{{- end }}
{{- $_ := set $known .name $data }}
{{- $_ := set .root.Values.global "secrets" $known }}
{{- end }}
{{- get $known .name | toJson }}
{{- end }}

{{/* A checksum of the passwords in an environment: others start the pods anew. Of what is mounted the kubelet sees to.
Arguments: root, database (whether it has a role's password), owner (whether it has the owner's, and gives out the roles'), secret
(the name of one more). */}}
{{- define "rtchart.environment.checksum" -}}
{{- $found := list }}
{{- with .root }}
{{- if and (not .Values.kafka.enabled) .Values.externalKafka.existingSecret }}
{{- $found = append $found (include "rtchart.secret" (dict "root" . "name" .Values.externalKafka.existingSecret "keys" list)) }}
{{- end }}
{{- end }}
{{- if .database }}{{ $found = append $found (include "rtchart.database.rolePasswords" .root) }}{{ end }}
{{- if .secret }}{{ $found = append $found (include "rtchart.secret" (dict "root" .root "name" .secret "keys" list)) }}{{ end }}
{{- if .owner }}
{{- with .root }}
{{- if .Values.postgresql.enabled }}{{ $found = append $found (include "rtchart.postgresql.password" .) }}
{{- else }}{{ $found = append $found (include "rtchart.secret" (dict "root" . "name" .Values.externalPostgresql.existingSecret "keys" list)) }}{{ end }}
{{- end }}
{{- end }}
{{- if $found }}{{ $found | toJson | sha256sum }}{{ end }}
{{- end }}
