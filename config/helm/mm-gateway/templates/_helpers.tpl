{{- define "mm-gateway.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end -}}
{{- end }}

{{- define "mm-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mm-gateway.labels" -}}
{{ include "mm-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "mm-gateway.image" -}}
{{- $tagged := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- if .Values.image.digest }}{{ $tagged }}@{{ .Values.image.digest }}{{ else }}{{ $tagged }}{{ end -}}
{{- end }}

{{- /* The configuration as YAML, refused where it could not serve in a cluster. */ -}}
{{- define "mm-gateway.config" -}}
{{- $config := fromYaml .Values.config -}}
{{- if not (and .Values.config (kindIs "map" $config.operators)) }}
{{- fail "config: give the text of gateway.yaml, with at least one operator: --set-file config=gateway.yaml" }}
{{- end }}
{{- if not (has (dig "admin" "host" "127.0.0.1" $config) (list "0.0.0.0" "::")) }}
{{- fail "config: admin.host must be 0.0.0.0 or \"::\", or nobody outside the pod could ask whether the gateway is ready" }}
{{- end }}
{{- if dig "admin" "tls" "client_ca_file" "" $config }}
{{- fail "config: admin.tls.client_ca_file asks for a certificate that Kubernetes' probes do not have; use admin.token" }}
{{- end }}
{{- if not (regexMatch "^(postgresql|postgres|\\$)" (dig "journal" "url" "" $config)) }}
{{- fail "config: journal.url must be postgresql://…: a pod's own file is gone with the pod, and what it promised with it" }}
{{- end }}
{{- range $listener := list "server" "admin" "operators_server" }}
{{- if and (hasKey $config $listener) (eq (dig $listener "port" 1 $config | int) 0) }}
{{- fail (printf "config: %s.port is 0; give it a number" $listener) }}
{{- end }}
{{- end }}
{{- $config | toYaml }}
{{- end }}

{{- define "mm-gateway.port.wallet" }}{{ include "mm-gateway.config" . | fromYaml | dig "server" "port" 8080 | int }}{{ end }}
{{- define "mm-gateway.port.admin" }}{{ include "mm-gateway.config" . | fromYaml | dig "admin" "port" 9090 | int }}{{ end }}
{{- /* Empty without such a listener. */ -}}
{{- define "mm-gateway.port.operators" }}
{{- $config := include "mm-gateway.config" . | fromYaml }}
{{- if hasKey $config "operators_server" }}{{ dig "operators_server" "port" 8081 $config | int }}{{ end }}
{{- end }}

{{- /* A duration as the configuration has it, such as 1m30s, in whole seconds. */ -}}
{{- define "mm-gateway.seconds" -}}
{{- $seconds := 1 -}}
{{- range $unit, $size := dict "d" 86400 "h" 3600 "m" 60 "s" 1 }}
{{- range $part := regexFindAll (printf "[0-9]+%s([0-9]|$)" $unit) $ -1 }}
{{- $seconds = add $seconds (mul (regexFind "^[0-9]+" $part | int) $size) }}
{{- end }}
{{- end }}
{{- $seconds }}
{{- end }}

{{- /* Drain, then the longest stop of a listener, then a margin. */ -}}
{{- define "mm-gateway.grace" -}}
{{- $config := include "mm-gateway.config" . | fromYaml -}}
{{- $wallet := include "mm-gateway.seconds" (dig "server" "stop_timeout" "15s" $config) | int -}}
{{- $operators := include "mm-gateway.seconds" (dig "operators_server" "stop_timeout" "15s" $config) | int -}}
{{- add .Values.drain.seconds (max $wallet $operators) 10 }}
{{- end }}

{{- define "mm-gateway.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "mm-gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "mm-gateway.mounts" -}}
- {name: config, mountPath: /etc/mm-gateway, readOnly: true}
- {name: secrets, mountPath: /run/secrets/mm-gateway, readOnly: true}
- {name: state, mountPath: /var/lib/mm-gateway}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "mm-gateway.volumes" -}}
- {name: config, configMap: {name: {{ .config }}}}
- {name: secrets, secret: {secretName: {{ .secret }}, defaultMode: 0444}}
- {name: state, emptyDir: {sizeLimit: 64Mi}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- end }}

{{- /* Of what the migration needs: made before it, gone once it has succeeded. */ -}}
{{- define "mm-gateway.beforeMigration" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: "-5"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
