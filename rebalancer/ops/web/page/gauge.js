// gauge
