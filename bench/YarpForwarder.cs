#:sdk Microsoft.NET.Sdk.Web
#:package Yarp.ReverseProxy
#:property OptimizationPreference=Speed
#:property IlcInstructionSet=x86-64-v3
#:property EventSourceSupport=false
#:property RestorePackagesWithLockFile=false

// The rival in `make bench`: YARP's IHttpForwarder as its documentation shows it, published with the same native
// compiler options as llm-proxy. It checks one bearer token, swaps the credential and forwards; nothing else.
// Arguments: <own address> <chat upstream> <stream upstream> <expected Authorization> <Authorization for upstream>

using System.Diagnostics;
using System.Net;
using Yarp.ReverseProxy.Forwarder;

var (address, chat, streams, expected, credential) = (args[0], args[1], args[2], args[3], args[4]);

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls(address);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
builder.Services.AddHttpForwarder();

await using var app = builder.Build();
var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
var transformer = new CredentialSwap(credential);
var options = new ForwarderRequestConfig { Version = HttpVersion.Version11 };
using var client = new HttpMessageInvoker(new SocketsHttpHandler
{
    UseProxy = false,
    UseCookies = false,
    AllowAutoRedirect = false,
    AutomaticDecompression = DecompressionMethods.None,
    ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
    ConnectTimeout = TimeSpan.FromSeconds(15),
});

app.Run(async http =>
{
    if (http.Request.Headers.Authorization != expected)
    {
        http.Response.StatusCode = StatusCodes.Status401Unauthorized;
        return;
    }

    var upstream = http.Request.Path.StartsWithSegments("/streams", StringComparison.Ordinal) ? streams : chat;
    await forwarder.SendAsync(http, upstream, client, options, transformer);
});

await app.RunAsync();

#pragma warning disable MA0047 // A file-based program has no namespace.
/// <summary>Copies every header as YARP does and puts the provider's credential in place of the caller's.</summary>
internal sealed class CredentialSwap(string credential) : HttpTransformer
{
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext,
        HttpRequestMessage proxyRequest,
        string destinationPrefix,
        CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.Headers.Remove("Authorization");
        proxyRequest.Headers.TryAddWithoutValidation("Authorization", credential);
        proxyRequest.Headers.Host = null;
    }
}
