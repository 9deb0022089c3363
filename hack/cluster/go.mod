module github.com/wsgateway/websocket-gateway-operator/hack/cluster

go 1.26.0
