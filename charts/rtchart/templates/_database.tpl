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
