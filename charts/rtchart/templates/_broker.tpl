{{/* What a service is told of Kafka: environment, volumes, mounts. ------------------------------------------------------ */}}

{{- define "rtchart.broker.name" -}}
{{ include "rtchart.fullname" . }}-broker
{{- end }}

{{- define "rtchart.broker.bootstrap" -}}
{{- if .Values.kafka.enabled -}}
{{ include "rtchart.broker.name" . }}:9092
{{- else -}}
{{ required "kafka.enabled is false: externalKafka.bootstrap has to say where Kafka is (HOST:PORT)" .Values.externalKafka.bootstrap }}
{{- end }}
{{- end }}

{{- define "rtchart.broker.env" -}}
- {name: RTCHART_KAFKA, value: {{ include "rtchart.broker.bootstrap" . | quote }}}
{{- with .Values.kafka.topicPrefix }}
- {name: RTCHART_TOPIC_PREFIX, value: {{ . | quote }}}
{{- end }}
{{- if not .Values.kafka.enabled }}
{{- with .Values.externalKafka }}
- {name: RTCHART_KAFKA_SECURITY, value: {{ .security }}}
{{- if hasPrefix "sasl" .security }}
- {name: RTCHART_KAFKA_SASL, value: {{ .sasl }}}
{{- if .user }}
- {name: RTCHART_KAFKA_USER, value: {{ .user | quote }}}
{{- else }}
- name: RTCHART_KAFKA_USER
  valueFrom: {secretKeyRef: {name: {{ required "externalKafka.security is sasl…: externalKafka.existingSecret has to name a Secret with the password" .existingSecret }}, key: {{ required "externalKafka: user or userKey is needed" .userKey }}}}
{{- end }}
- name: RTCHART_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ required "externalKafka.security is sasl…: externalKafka.existingSecret has to name a Secret with the password" .existingSecret }}, key: {{ .passwordKey }}}}
{{- end }}
{{- if .caSecret }}
- {name: RTCHART_KAFKA_CA, value: /etc/rtchart/kafka-ca/{{ .caKey }}}
{{- end }}
{{- if .certKey }}
- {name: RTCHART_KAFKA_CERT, value: /etc/rtchart/kafka-user/{{ .certKey }}}
- {name: RTCHART_KAFKA_KEY, value: /etc/rtchart/kafka-user/{{ required "externalKafka.certKey needs keyKey" .keyKey }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* For who makes topics. */}}
{{- define "rtchart.topics.env" -}}
{{- $bytes := .Values.kafka.klinesBytes | default (ternary 5368709120 "" .Values.kafka.enabled) -}}
{{- with .Values.kafka -}}
- {name: RTCHART_MANAGE_TOPICS, value: {{ .manageTopics | quote }}}
- {name: RTCHART_REPLICATION_FACTOR, value: {{ .replicationFactor | quote }}}
{{- if .minInsyncReplicas }}
- {name: RTCHART_MIN_INSYNC_REPLICAS, value: {{ .minInsyncReplicas | quote }}}
{{- end }}
{{- with $bytes }}
- {name: RTCHART_KLINES_BYTES, value: {{ int64 . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "rtchart.broker.volumes" -}}
{{- if not .Values.kafka.enabled }}
{{- with .Values.externalKafka }}
{{- if .caSecret }}
- name: kafka-ca
  secret: {secretName: {{ .caSecret }}}
{{- end }}
{{- if .certKey }}
- name: kafka-user
  secret: {secretName: {{ required "externalKafka.certKey needs existingSecret: the Secret that the certificate is in" .existingSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rtchart.broker.mounts" -}}
{{- if not .Values.kafka.enabled }}
{{- with .Values.externalKafka }}
{{- if .caSecret }}
- {name: kafka-ca, mountPath: /etc/rtchart/kafka-ca, readOnly: true}
{{- end }}
{{- if .certKey }}
- {name: kafka-user, mountPath: /etc/rtchart/kafka-user, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
