{{/* Names ------------------------------------------------------------------------------------------------------------- */}}

{{- define "rtchart.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What every object's name begins with. */}}
{{- define "rtchart.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "rtchart.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "rtchart.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels and annotations. ------------------------------------------------------------------------------------------- */}}

{{/* A scalar as a string. Helm's numbers are floats, which JSON alone writes out (12345678.5, not 1.23456785e+07). */}}
{{- define "rtchart.text" -}}
{{ kindIs "string" . | ternary . (toJson .) }}
{{- end }}

{{/* Maps as one of strings: Kubernetes takes no others for labels and annotations. Of the same key the last in the list stays; not
by `merge`, to which what is false or empty is not there. */}}
{{- define "rtchart.strings" -}}
{{- $all := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $all $key (include "rtchart.text" $value) }}{{ end }}
{{- end }}
{{- end }}
{{- if $all }}{{ toYaml $all }}{{ end }}
{{- end }}

{{/* What selectors choose by, which no other label stands before. Arguments: root, component. */}}
{{- define "rtchart.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rtchart.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Of an object. Arguments: root, component, labels (more). */}}
{{- define "rtchart.labels" -}}
{{- include "rtchart.strings" (list
  (dict "app.kubernetes.io/version" .root.Chart.AppVersion
    "app.kubernetes.io/part-of" "rtchart"
    "app.kubernetes.io/managed-by" .root.Release.Service
    "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_"))
  .root.Values.commonLabels .labels (include "rtchart.selectorLabels" . | fromYaml)) }}
{{- end }}

{{/* Of a pod. Without the chart's version, which alone is no reason to start it anew. Arguments: root, component, workload. */}}
{{- define "rtchart.podLabels" -}}
{{- include "rtchart.strings" (list (dict "app.kubernetes.io/part-of" "rtchart")
  .root.Values.commonLabels .workload.podLabels (include "rtchart.selectorLabels" . | fromYaml)) }}
{{- end }}

{{/* metadata of an object. Arguments: root, component, name (the end of it; may be empty), labels (more), annotations. */}}
{{- define "rtchart.metadata" -}}
name: {{ include "rtchart.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "rtchart.labels" . | nindent 2 }}
{{- with include "rtchart.strings" (list .annotations) }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pods. ------------------------------------------------------------------------------------------------------------- */}}

{{/* An image of ours. Arguments: root, workload. One of others (foreign) has no part in what ours have in common. */}}
{{- define "rtchart.image" -}}
{{- $image := .workload.image }}
{{- $registry := $image.registry | default (ternary "" .root.Values.image.registry (.foreign | default false)) }}
{{- $repository := $image.repository }}
{{- if $registry }}{{ $repository = printf "%s/%s" (trimSuffix "/" $registry) $repository }}{{ end }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository ($image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "rtchart.pullPolicy" -}}
{{ .workload.image.pullPolicy | default .root.Values.image.pullPolicy }}
{{- end }}

{{- define "rtchart.serviceAccountName" -}}
{{- $account := .workload.serviceAccount }}
{{- if $account.create }}
{{- $account.name | default (printf "%s-%s" (include "rtchart.fullname" .root) .component) }}
{{- else }}
{{- $account.name | default "default" }}
{{- end }}
{{- end }}

{{- define "rtchart.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "rtchart.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* metadata of a pod. Arguments: root, component, workload; probes: whether it has an admin port; checksum: of what its
environment is made of. */}}
{{- define "rtchart.podMetadata" -}}
labels:
  {{- include "rtchart.podLabels" . | nindent 2 }}
{{- $scrape := dict }}
{{- if and .probes .root.Values.monitoring.scrapeAnnotations (not .root.Values.monitoring.podMonitor.enabled) }}
{{- $scrape = dict "prometheus.io/scrape" "true" "prometheus.io/port" "9090" "prometheus.io/path" "/metrics" }}
{{- end }}
{{- $checksum := dict }}
{{- with .checksum }}{{ $checksum = dict "checksum/environment" . }}{{ end }}
{{- with include "rtchart.strings" (list $scrape .workload.podAnnotations $checksum) }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Who a pod is and where it may run. Arguments: root, component, workload; spread: whether several pods keep apart. */}}
{{- define "rtchart.placement" -}}
serviceAccountName: {{ include "rtchart.serviceAccountName" . }}
{{- with .workload.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .workload.imagePullSecrets | default .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with include "rtchart.strings" (list .workload.nodeSelector) }}
nodeSelector:
  {{- . | nindent 2 }}
{{- end }}
{{- with .workload.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .workload.affinity }}
affinity:
  {{- toYaml .workload.affinity | nindent 2 }}
{{- else if .spread }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "rtchart.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What says where traces go, as a JSON list of variables. Arguments: root, chooses (whether it is who says of what). */}}
{{- define "rtchart.tracing.env" -}}
{{- $env := list }}
{{- with .root.Values.tracing.endpoint }}
{{- $env = append $env (dict "name" "RTCHART_OTLP_ENDPOINT" "value" .) }}
{{- if $.chooses }}
{{- $env = append $env (dict "name" "RTCHART_TRACE_ONE_IN" "value" ($.root.Values.tracing.oneIn | int64 | toString)) }}
{{- end }}
{{- end }}
{{- toJson $env }}
{{- end }}

{{/*
The pod of a service of ours. Arguments:
  root, component, workload (its values)
  command, args, env, ports, volumes, mounts: of the container (lists; may be absent)
  token: whether it speaks to Kubernetes; probes: whether it has an admin port; preStop: seconds; grace: seconds
  restart: the restart policy; spread: whether several pods keep apart; checksum: of what its environment is made of
*/}}
{{- define "rtchart.pod" -}}
metadata:
  {{- include "rtchart.podMetadata" . | nindent 2 }}
spec:
  {{- include "rtchart.placement" . | nindent 2 }}
  automountServiceAccountToken: {{ .token | default false }}
  enableServiceLinks: false
  {{- with .restart }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .grace | default 30 }}
  securityContext:
    {{- include "rtchart.podSecurity" . | nindent 4 }}
  containers:
    - name: {{ .component }}
      image: {{ include "rtchart.image" . }}
      imagePullPolicy: {{ include "rtchart.pullPolicy" . }}
      {{- with .command }}
      command:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "rtchart.containerSecurity" . | nindent 8 }}
      env:
        - {name: RTCHART_LOG_FORMAT, value: json}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .workload.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if .probes }}
      ports:
        {{- range $name, $port := .ports }}
        - {name: {{ $name }}, containerPort: {{ $port }}}
        {{- end }}
        - {name: admin, containerPort: 9090}
      # Kafka or the database away is no reason to start anew: livez says only that the process answers.
      startupProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 2
      {{- end }}
      {{- with .preStop }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ . }}}
      {{- end }}
      resources:
        {{- toYaml .workload.resources | nindent 8 }}
      {{- if or .mounts .workload.extraVolumeMounts }}
      volumeMounts:
        {{- with .mounts }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .workload.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or .volumes .workload.extraVolumes }}
  volumes:
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .workload.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
