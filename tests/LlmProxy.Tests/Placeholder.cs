namespace LlmProxy.Tests;
