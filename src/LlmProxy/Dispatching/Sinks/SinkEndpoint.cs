using LlmProxy.Settings;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// The URL that events are posted to. What is wrong with one is said without showing it: people put keys into URLs.
/// </summary>
internal static class SinkEndpoint
{
    /// <param name="text">What <c>--endpoint</c> said.</param>
    /// <param name="path">The service's own path, for a URL that has none.</param>
    /// <exception cref="StartFailure">It is no absolute http or https URL, or has a user in it.</exception>
    public static Uri Parse(string text, string path = "/")
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address)
            || (address.Scheme != Uri.UriSchemeHttps && address.Scheme != Uri.UriSchemeHttp)
            || address.Host.Length == 0)
        {
            throw new StartFailure("--endpoint: is not an absolute URL that begins with https:// or http://.");
        }

        if (address.UserInfo.Length > 0)
        {
            throw new StartFailure("--endpoint: has a user or password in it; a key belongs into --api-key.");
        }

        if (address.Fragment.Length > 0)
        {
            throw new StartFailure("--endpoint: has a fragment (#…), which is never sent.");
        }

        return address.AbsolutePath == "/" ? new UriBuilder(address) { Path = path }.Uri : address;
    }

    /// <summary>The same address, with its path replaced.</summary>
    public static Uri WithPath(this Uri address, string path) => new UriBuilder(address) { Path = path }.Uri;
}
