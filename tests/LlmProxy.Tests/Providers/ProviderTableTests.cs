using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ProviderTableTests
{
    private const string File = """
        apis:
          openai:
            base_url: https://api.openai.com
            allowed_endpoints: [/v1/chat/completions, /v1/models/*, /healthz]
            allowed_methods: [GET, POST]
          anthropic:
            base_url: https://api.anthropic.com
            allowed_endpoints: [/v1/messages]
            allowed_methods: [POST]
        """;

    private readonly ProviderTable _table = Given.Table(File, "openai");

    [Theory]
    [InlineData("/v1/chat/completions", "openai", 0)]
    [InlineData("/v1/chat/completions?stream=true", "openai", 0)]
    [InlineData("/%761/chat/completions", "openai", 0)]
    [InlineData("/openai/v1/models/gpt-5", "openai", 7)]
    [InlineData("/openai/healthz", "openai", 7)]
    [InlineData("/anthropic/v1/messages", "anthropic", 10)]
    [InlineData("/anthropi%63/v1/mess%61ges", "anthropic", 12)]
    public void An_endpoint_leads_to_its_provider(string raw, string provider, int prefixLength)
    {
        var route = _table.Find(Given.Target(raw))!.Value;

        Assert.Equal((provider, prefixLength), (route.Provider.Name, route.PrefixLength));
        Assert.True(route.EndpointIsAllowed);
    }

    [Theory]
    [InlineData("/v1")]
    [InlineData("/v1/")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions/")]
    [InlineData("/v1/Chat/completions")]
    [InlineData("/openai")]
    [InlineData("/openai/")]
    [InlineData("/openai/openai/v1/chat/completions")]
    [InlineData("/anthropic/v1/chat/completions")]
    [InlineData("/anthropic/v1/messages/batches")]
    public void A_provider_does_not_serve_what_is_not_its_endpoint(string raw)
    {
        Assert.Equal(false, _table.Find(Given.Target(raw))?.EndpointIsAllowed);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/healthz")]
    [InlineData("/V1/chat/completions")]
    [InlineData("/v11/chat/completions")]
    [InlineData("/OpenAI/v1/chat/completions")]
    [InlineData("/open/ai/v1/chat/completions")]
    [InlineData("/mistral/v1/chat/completions")]
    public void A_path_may_be_nobodys(string raw)
    {
        Assert.Null(_table.Find(Given.Target(raw)));
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/models/gpt-5?x=1")]
    [InlineData("/anthropic/v1/messages")]
    [InlineData("/nobody/v1/messages")]
    public void Finding_allocates_nothing(string raw)
    {
        var target = Given.Target(raw);
        _table.Find(target);
        var before = GC.GetAllocatedBytesForCurrentThread();

        _table.Find(target);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
