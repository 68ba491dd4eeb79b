using LlmProxy.Http;
using LlmProxy.Secrets;

namespace LlmProxy.Proxying;

/// <summary>
/// Where every request comes in: it gets its id and its client's address, is looked over by the front gate, and goes to
/// us or to a provider.
/// </summary>
internal static class FrontDoor
{
    /// <summary>Ends every request that is for a provider; the proxy's own paths go on to routing.</summary>
    /// <param name="app">Where the pipeline is registered.</param>
    /// <param name="managementToken">Never taken for a request id, which is logged.</param>
    public static IApplicationBuilder UseFrontDoor(this IApplicationBuilder app, Secret managementToken)
    {
        var pipeline = app.ApplicationServices.GetRequiredService<ProxyPipeline>();
        var clock = app.ApplicationServices.GetRequiredService<TimeProvider>();
        var trusted = app.ApplicationServices.GetRequiredService<FrontOptions>().TrustedProxies;
        return app.Use((http, next) =>
        {
            ClientAddress.Establish(http, trusted);
            var id = RequestId.Of(http.Request, clock);
            http.TraceIdentifier = managementToken.Is(id) ? RequestId.New(clock) : id;
            return EnterAsync(http, next, pipeline);
        });
    }

    private static Task EnterAsync(HttpContext http, RequestDelegate next, ProxyPipeline pipeline)
    {
        http.Response.Headers[RequestId.Header] = http.TraceIdentifier;
        if (FrontGate.Judge(http, out var target) is { } refusal)
        {
            http.Response.Headers[RequestId.CommonHeader] = http.TraceIdentifier;
            return refusal.WriteToAsync(http.Response);
        }

        if (!OwnPaths.Contains(target.RawPath))
        {
            return pipeline.HandleAsync(http, target);
        }

        http.Response.Headers[RequestId.CommonHeader] = http.TraceIdentifier;
        return next(http);
    }
}
