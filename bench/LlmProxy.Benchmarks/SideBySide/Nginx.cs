using System.Net;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>Debian's nginx with one worker: the reference proxy, and the upstream that costs least.</summary>
internal static class Nginx
{
    private static readonly string Program =
        File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";

    /// <summary>
    /// The reference: one bearer token checked by a map, the credential swapped, connections to the upstream kept.
    /// </summary>
    public static ChildProcess StartProxy(
        string folder, IPEndPoint address, string token, string providerKey, Upstreams upstreams) =>
        Start(
            folder,
            $$"""
            map $http_authorization $provider_authorization {
                default "";
                "Bearer {{token}}" "Bearer {{providerKey}}";
            }
            upstream chat { server {{upstreams.Chat}}; keepalive 64; keepalive_requests 100000000; }
            upstream streams { server {{upstreams.Streams}}; keepalive 64; keepalive_requests 100000000; }
            server {
                listen {{address}} backlog=1024;
                if ($provider_authorization = "") { return 401; }
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Cookie "";
                proxy_set_header Authorization $provider_authorization;
                location / { proxy_pass http://chat; }
                location /streams/ { proxy_pass http://streams; proxy_buffering off; }
            }
            """);

    public static ChildProcess Start(string folder, string servers)
    {
        var file = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(
            file,
            $$"""
            daemon off;
            worker_processes 1;
            pid {{folder}}/nginx.pid;
            error_log stderr crit;
            events { worker_connections 4096; }
            http {
                access_log off;
                map_hash_bucket_size 256;
                keepalive_requests 100000000;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi;
                uwsgi_temp_path {{folder}}/uwsgi;
                scgi_temp_path {{folder}}/scgi;
                {{servers}}
            }
            """);
        return ChildProcess.Start(Program, ["-p", folder, "-e", "stderr", "-c", file], folder);
    }
}
