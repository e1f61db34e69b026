{{/* Exchanges. ---------------------------------------------------------------------------------------------------------- */}}

{{- define "rtchart.sim.name" -}}
{{ include "rtchart.fullname" . }}-sim
{{- end }}

{{/* The names of the exchanges that are read, as a JSON list. */}}
{{- define "rtchart.exchanges" -}}
{{- $names := list }}
{{- range $name := list "binance" "sim" }}
{{- if (index $.Values.exchange $name).enabled }}{{ $names = append $names $name }}{{ end }}
{{- end }}
{{- if not $names }}{{ fail "exchange.binance.enabled and exchange.sim.enabled are both false: nothing would be read" }}{{ end }}
{{- $names | toJson }}
{{- end }}

{{/* An exchange's addresses, where they are not the usual ones, as JSON: ws, rest. Arguments: root, exchange. */}}
{{- define "rtchart.exchange.addresses" -}}
{{- if eq .exchange "sim" }}
{{- $at := printf "%s:9010" (include "rtchart.sim.name" .root) }}
{{- dict "ws" (printf "ws://%s" $at) "rest" (printf "http://%s" $at) | toJson }}
{{- else }}
{{- $exchange := index .root.Values.exchange .exchange }}
{{- dict "ws" $exchange.ws "rest" $exchange.rest | toJson }}
{{- end }}
{{- end }}
