namespace LlmProxy.Management;

/// <summary>
/// The methods of a resource. Every resource also answers those that it does not have, because the path below would
/// otherwise fall through to whatever route matches next.
/// </summary>
internal static class Methods
{
    /// <summary>What can be read can be asked for its head.</summary>
    public static readonly string[] Read = ["GET", "HEAD"];

    /// <summary>Answers OPTIONS with what there is, and any other method with 405.</summary>
    public static IResult Refuse(HttpContext http, string allow)
    {
        http.Response.Headers.Allow = allow;
        return HttpMethods.IsOptions(http.Request.Method)
            ? TypedResults.NoContent()
            : Problems.MethodNotAllowed.ToResult();
    }
}
