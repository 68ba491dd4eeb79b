namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>Provider files in the form that users write.</summary>
internal static class ProviderYaml
{
    /// <summary>
    /// A provider that allows everything below <c>/v1/</c>; <paramref name="more"/> are further keys of it.
    /// </summary>
    public static string For(Uri upstream, params IEnumerable<string> more) =>
        $"""
        default_api: openai
        apis:
          openai:
            base_url: {upstream.GetLeftPart(UriPartial.Authority)}
            allowed_endpoints: [/v1/*]
            allowed_methods: [GET, HEAD, POST, PUT, PATCH, DELETE]
            {string.Join("\n    ", more)}

        """;
}
